"""Which language a text is in, by py3langid."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

from luthier.core.errors import DataError, missing

SURE = 0.6
"""Probability from which a text is said to be in a language. Of 10,003 English questions of
BANKING77 4 are then called something else, and of Spanish and Chinese questions of XQuAD 0.92 and
0.82 are found."""
_ALIKE = {"pcm": "en", "wuu": "zh", "yue": "zh"}
"""Languages too near to another to be told from it by a sentence."""


def is_here() -> bool:
    """Whether the package is installed that tells languages."""
    return find_spec("py3langid") is not None


def languages(texts: Iterable[str]) -> Iterator[tuple[str, float]]:
    """For each text the likeliest language (ISO 639), and its probability.

    Raises: MissingExtra: the package is not installed. DataError: its model cannot be unpacked.
    """
    known = _identifier()
    for text in texts:
        name, probability = known.classify(text)
        yield _ALIKE.get(str(name), str(name)), float(probability)


@cache
def _identifier() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        raise missing("py3langid", "languages", "to tell the languages of rows") from None
    try:
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    except OSError as error:  # it is unpacked into a temporary file
        raise DataError(
            f"languages cannot be told: the model of py3langid was not unpacked in "
            f"{tempfile.gettempdir()} ({error.strerror or error}).\n"
            "    Set TMPDIR to a folder with 100 MB of room"
        ) from None
