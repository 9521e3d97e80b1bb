"""Every error a user can cause, each with the exit code the command line gives it."""

from __future__ import annotations


class LuthierError(Exception):
    """Base of all errors raised on purpose; its text is the whole message a user sees."""

    exit_code = 2


class RecipeError(LuthierError, ValueError):
    """A recipe, or several things in it, cannot be carried out."""


class DataError(LuthierError, ValueError):
    """A file or row of examples cannot be used as it is."""


class MaskError(DataError):
    """The loss mask of a row breaks a rule; nothing was trained."""


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


def missing(package: str, extra: str, purpose: str) -> MissingExtra:
    """The one-sentence answer to an absent optional package.

    Example: raise missing("tensorboard", "trackers", "Writing TensorBoard files") from error
    """
    return MissingExtra(f"{purpose} needs '{package}'. Install it: pip install 'luthier[{extra}]'")
