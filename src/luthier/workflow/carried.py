"""What a recipe says of data beyond the rows that were written: what the command to train on them
takes along, and what it cannot."""

from __future__ import annotations

from typing import Any, Literal

from luthier.recipe.data_section import DataSection, WeightedFile

_OF_TRAINING = (
    "on_duplicate", "on_leak", "on_finding", "on_overflow", "today", "mixture",
    "mixture_temperature", "mixture_weights",
)  # fmt: skip
"""Settings of `data` that a training goes by, whoever split its rows."""
_OF_TRAIN = ("augment", "sample")
"""Those by which rows of train are made more, or fewer."""
_LATER = {
    "clean": (*_OF_TRAIN, "validation_share", "test_share", "near_duplicates", "time_by"),
    "split": _OF_TRAIN,
    "folds": (*_OF_TRAIN, "validation_share", "near_duplicates"),
    "augment": (),
}
"""What a training has still to do with the files of each command."""
Command = Literal["clean", "split", "folds", "augment"]


def carried(section: DataSection, command: Command) -> dict[str, Any]:
    """The settings that are still to be given, where they are not the usual ones."""
    said = section.model_dump(mode="json", exclude_defaults=True)
    found = {name: said[name] for name in (*_OF_TRAINING, *_LATER[command]) if name in said}
    if command in ("split", "augment") and section.validation_share == 0:
        found["validation_share"] = 0.0  # or the training would split some off
    return found


def left_behind(section: DataSection) -> list[str]:
    """What is lost, and what to do about it, a line for each."""
    named = [] if isinstance(section.train, str) else section.train
    heavy = [one for one in named if isinstance(one, WeightedFile) and one.weight != 1]
    if not heavy:
        return []
    weights = ", ".join(f"{one.path} {one.weight:g}" for one in heavy)
    return [
        f"data.train: the weights of files ({weights}) are not in what is written, where every row "
        "counts once. To keep them, write each of these files by itself, and name what is written "
        "with its weight"
    ]
