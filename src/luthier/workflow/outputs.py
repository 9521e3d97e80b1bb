"""Files that a command writes: never over those that it reads, nor among them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from luthier.core.errors import RecipeError
from luthier.data.find import reads
from luthier.recipe.data_section import DataSection

TRAIN = "train.jsonl"
"""What a folder of rows always gets."""


def data_of(section: DataSection) -> list[str]:
    """The files, folders and patterns that hold the rows of a section."""
    given = (section.train_files, section.validation, section.test)
    lists = [[one] if isinstance(one, str) else one for one in given]
    return [name for names in lists for name in names if name != "auto"]


def names_of(section: DataSection) -> list[str]:
    """Everything that a section names to be read."""
    corrections = section.corrections
    return [*data_of(section), *([corrections] if isinstance(corrections, str) else corrections)]


def check_files(outputs: Sequence[Path], names: Iterable[str]) -> None:
    """Nothing, where each of the files can be written and is none of those that are read.

    Args: names: of what is read: files, folders, patterns.
    Raises: RecipeError: one is read, or stands twice here, or cannot be written.
    """
    for number, output in enumerate(outputs):
        check_apart(output, names)
        check_writable(output)
        if output.resolve() in [other.resolve() for other in outputs[:number]]:
            raise RecipeError(f"{output}: is named for two outputs. Name a file for each")


def check_folder(output: Path, names: Iterable[str]) -> None:
    """Nothing, where rows in this folder would not be read as more of what is read.

    Raises: RecipeError: they would.
    """
    is_filled = output.exists() and not (output.is_dir() and not any(output.iterdir()))
    if not is_filled:  # else it is refused by `files.new_folder`
        check_apart(output / TRAIN, names, told=output)


def check_apart(
    output: Path, names: Iterable[str], *, told: Path | None = None, option: str = ""
) -> None:
    """Nothing, where none of the names stands for the output, by whatever path or link.

    Args: told: what the user called the output, where it is not the file itself. option: that names
        it, where the user need not have.
    Raises: RecipeError: one does, or would when the output is there.
    """
    for name in names:
        if not reads(name, output):
            continue
        own = told or output
        where = "" if name == str(own) else f" ({name})"
        if own.resolve().is_file():
            problem = f"is the input{where}, and would be overwritten. Choose another file"
        else:
            problem = f"stands in the input{where}, and would be read too. Choose another place"
        by = f": {option} FILE" if option else ""
        raise RecipeError(f"{own}: {problem} for the output{by}")


def check_writable(output: Path) -> None:
    """Raises: RecipeError: nothing can be written there."""
    if output.is_dir():
        raise RecipeError(f"{output}: a folder; expected a file to write, such as answers.jsonl")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RecipeError(f"{output}: cannot be written ({reason}). Choose another file") from None
