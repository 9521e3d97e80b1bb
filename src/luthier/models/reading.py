"""Reading what somebody else wrote through a library: every failure is one message."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from luthier.core.errors import LuthierError, ModelError
from luthier.ops.out_of_memory import is_out_of_memory


@contextmanager
def reading(place: Path, problem: str) -> Generator[None]:
    """Whatever goes wrong inside is told as `problem` with the model at `place`.

    What a damaged file or a wrong value does is up to hundreds of architectures and to libraries
    that raise bare exceptions. Memory that ran out says nothing about the file.
    Raises: ModelError: with the error in one line.
    """
    try:
        yield
    except LuthierError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise ModelError(
                f"{place}: not enough memory to open it ({_line(error)}). Close other programs, or "
                "use a smaller model"
            ) from error
        raise ModelError(f"{place}: {problem} ({type(error).__name__}: {_line(error)})") from error


def open_config(folder: Path) -> Any:
    """The config of a model folder as transformers reads it.

    Raises: ModelError: an architecture that transformers does not know, or values it refuses.
    """
    with reading(folder / "config.json", "makes no model"):
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else "no words"
