"""Every error a user can cause, each with the exit code the command line gives it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class LuthierError(Exception):
    """Base of all errors raised on purpose; its text is the whole message a user sees."""

    exit_code = 2


class RecipeError(LuthierError, ValueError):
    """A recipe, or several things in it, cannot be carried out."""


class DataError(LuthierError, ValueError):
    """A file or row of examples cannot be used as it is."""


class MaskError(DataError):
    """The loss mask of a row breaks a rule; nothing was trained.

    Args: pieces: the row in order as runs of text, each {"text", "trained"}; none where the row
        could not be rendered. Where no mask was found, the words of the answers count as trained.
    """

    def __init__(self, message: str, pieces: Iterable[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.message, self.pieces = message, [dict(piece) for piece in pieces]

    def __str__(self) -> str:
        return f"{self.message}\n    {_marked(self.pieces)}" if self.pieces else self.message


class ModelError(LuthierError, ValueError):
    """A model, its tokenizer or its template cannot be used."""


class RunError(LuthierError, RuntimeError):
    """A run directory is locked, broken, or does not match the request."""


class MissingExtra(LuthierError, ImportError):
    """An optional package is needed; the text holds the command that installs it."""


class ParityError(LuthierError, RuntimeError):
    """An artefact does not behave like the model it was made from; it was removed."""

    exit_code = 1


class Diverged(LuthierError, ArithmeticError):
    """Training met a loss or gradient it must not apply, too often to go on."""

    exit_code = 1


class Interrupted(LuthierError):
    """The user stopped the run; what was done is saved and the same command continues it."""

    exit_code = 3


def _marked(pieces: Iterable[Mapping[str, Any]], *, width: int = 600) -> str:
    """The pieces on one line, [[trained]] ones in brackets; long rows lose their middle."""
    texts = [f"[[{piece['text']}]]" if piece["trained"] else piece["text"] for piece in pieces]
    line = repr("".join(texts))[1:-1]
    return line if len(line) <= width else f"{line[: width // 2]} ... {line[-width // 2 :]}"


def missing(package: str, extra: str, purpose: str) -> MissingExtra:
    """The one-sentence answer to an absent optional package.

    Example: raise missing("tensorboard", "trackers", "Writing TensorBoard files") from error
    """
    return MissingExtra(f"{purpose} needs '{package}'. Install it: pip install 'luthier[{extra}]'")
