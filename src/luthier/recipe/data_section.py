"""What a recipe says of data: where the examples are, how they are read, split, and made more."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, field_validator

from luthier.core.config import Auto, ComponentConfig

Overflow = Literal["error", "truncate_prompt", "truncate_tail", "split", "drop"]
Reasoning = Literal["keep", "last", "drop"]

LEAST_CHUNK = 100
"""Characters; of less nothing is learned."""


_PAIRS = re.compile(r"[^=,{}]+=[^=,{}]+(?:,[^=,{}]+=[^=,{}]+)*")


def _in_pairs(value: Any) -> Any:
    """Keys with values from a text such as "text=review,label=stars"; of all else, that."""
    if not isinstance(value, str):
        return value
    if not _PAIRS.fullmatch(value):
        raise ValueError("expected keys with values, such as {KEY: VALUE}, or KEY=VALUE,KEY=VALUE")
    pairs = (pair.split("=") for pair in value.split(","))
    return {key.strip(): name.strip() for key, name in pairs}


Names = Annotated[dict[str, str], BeforeValidator(_in_pairs)]
"""Keys with values, or as they are typed in a shell."""


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


class WeightedFile(ComponentConfig):
    """A file of training rows that count more or less often than those of the others."""

    path: str
    """File, or a pattern of several."""
    weight: float = Field(default=1.0, gt=0, le=1000)
    """Times that each of its rows is trained in an epoch; 0.5: about half of them are."""


class MixtureSource(ComponentConfig):
    """Further examples that are trained beside those of `data.train`."""

    train: str | list[str]
    """File or files of examples."""
    weight: float = Field(default=1.0, gt=0)
    """Rows of it for every row of `data.train`; 0.25: one for every four."""
    objective: dict[str, Any] = Field(default_factory=lambda: {"name": "auto"})
    """`name` and settings of what is learned from it; auto: the usual for such rows."""
    format: str = "auto"
    """Name of a row format, or auto: recognised from the columns."""
    shape: str = "auto"
    """Of a file of several shapes, only rows of this one; auto: such a file is refused."""
    columns: Names = Field(default_factory=dict[str, str])
    """Canonical column -> name in the file."""
    roles: Names = Field(default_factory=dict[str, str])
    """Role name in the file -> system, user, assistant or tool."""
    group_by: str = ""
    """Column that holds what the column `data.group_by` holds there: rows of a group that stands in
    validation or test are left out."""
    on_overflow: Overflow | Auto = "auto"
    """Rows longer than `training.max_length` tokens; auto: as `data.on_overflow` says."""

    @field_validator("objective", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class DataSection(ComponentConfig):
    """Where the examples are and how they are read and split."""

    train: str | list[str | WeightedFile]
    """File or files of examples: JSONL, JSON, CSV/TSV, Parquet or text; of several each may have a
    weight, as {path: FILE, weight: 2}."""
    validation: str | list[str] | Auto = "auto"
    """Rows for choosing (early stopping, best checkpoint); auto: the part of `train`
    that is called so (`validation.jsonl` in a folder), else split off it."""
    test: str | list[str] | Auto = "auto"
    """Rows for the verdict, untouched by any choice; auto: the part of `train` that is called so,
    else split off it."""
    mixture: list[MixtureSource] = Field(default_factory=list[MixtureSource])
    """Further sources trained beside `train`, each with its weight and objective. They are neither
    validated nor tested, and rows of theirs that are in either are left out."""
    mixture_temperature: float = Field(default=0.0, ge=0)
    """Weights of `mixture` from the rows that there are: times (rows of the source / rows of
    `train`) ** (1 / this); usual 1 (by size) to 10 (nearly all the same), 0: as they say."""
    mixture_weights: list[PositiveFloat] | Auto = "auto"
    """Rows of each source of `mixture` for every row of `train`, in their order; auto: the weight
    that each says, or what follows from `mixture_temperature`."""
    format: str = "auto"
    """Name of a row format (`luthier list`), or auto: recognised from the columns."""
    shape: str = "auto"
    """Of files that hold rows of several shapes, such as chat and preference, only those of this
    one, and the others are counted; auto: such files are refused."""
    columns: Names = Field(default_factory=dict[str, str])
    """Canonical column -> name in the file, such as {text: review, label: stars}."""
    roles: Names = Field(default_factory=dict[str, str])
    """Role name in the file -> system, user, assistant or tool."""
    encoding: str = "auto"
    """Text encoding of the files; auto: BOM, then UTF-8, then cp1252, said in the ledger."""
    validation_share: float | Auto = "auto"
    """Share of rows split off for validation when no file is given; auto: 0.1, or none where the
    objective is meant for a handful of rows."""
    test_share: float = Field(default=0.1, ge=0, lt=1)
    """Share of rows split off for the test when no file is given."""
    group_by: str = ""
    """Column whose equal values stay in one split."""
    time_by: str = ""
    """Column of dates, times or numbers: the latest rows become the test, those before them
    validation, where these are split off `train`."""
    on_duplicate: Literal["remove", "keep", "error"] = "remove"
    """Exact repetitions of a row within a split."""
    on_leak: Literal["remove", "error"] = "remove"
    """Inputs in two splits: removed from train first, then from validation; never from test."""
    near_duplicates: float = Field(default=0.8, ge=0, le=1)
    """Rows whose inputs and targets have at least this Jaccard similarity, by pieces of five
    characters, stay in one split where rows are split off `train`; 0: only equal inputs do."""
    corrections: str | list[str] = Field(default_factory=list[str])
    """File or files of corrections, as `luthier data label` writes them: rows with another label or
    answer, and rows left out. The files of examples stay as they are."""
    clean: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Ways of cleaning rows before they are split, each by its name: a value for its main setting,
    true, or a mapping of its settings. The files stay as they are."""
    on_finding: Literal["error", "warn", "off"] = "error"
    """What is wrong with the rows of `train` is said before training; error: keys and passwords in
    them, or labels that contradict each other in a fifth of them, stop it."""
    chunk: int | Auto = "auto"
    """Running text is cut into chunks of at most so many characters, at headings, paragraphs or
    sentences (0: not at all); auto: documents (web pages, PDF, Word, Markdown, folders of texts) at
    4000, and nothing else."""
    chunk_overlap: int = Field(default=0, ge=0)
    """Characters of a chunk, about, with which the next one begins anew; less than half of it."""
    augment: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Ways of making further rows of those of train, each by its name: a value for its main
    setting, true, or a mapping of its settings. They are made after the split, and counted."""
    sample: Literal["as_is", "over", "under"] | int = "as_is"
    """Rows of each class in train: as they are; as many as the largest class has, by repeating
    rows; as the smallest has, by leaving rows out; or so many."""
    reasoning: Reasoning = "keep"
    """Reasoning in answers (`<think>` blocks): kept; kept in the last answer of a conversation
    only, as templates of reasoning models show it; or dropped everywhere."""
    on_overflow: Overflow = "error"
    """Rows longer than `training.max_length` tokens."""
    max_rows: int = Field(default=0, ge=0)
    """Use only so many rows of `train` files (0: all), chosen by content hash."""
    today: str = "auto"
    """The date (2026-03-01) for chat templates that print one; auto: when the run was started."""

    @property
    def train_files(self) -> str | list[str]:
        """What `train` names, without weights."""
        if isinstance(self.train, str):
            return self.train
        return [item if isinstance(item, str) else item.path for item in self.train]

    @field_validator("validation", "test")
    @classmethod
    def _not_empty(cls, value: Any) -> Any:
        if value == []:  # within, it says that no part of train is the split either
            raise ValueError("expected at least one file; a part of train is left out by its name")
        return value

    @field_validator("sample")
    @classmethod
    def _at_least_one(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError("expected as_is, over, under or a whole number of at least 1")
        return value

    @field_validator("validation_share")
    @classmethod
    def _share(cls, value: float | str) -> float | str:
        if isinstance(value, float | int) and not 0 <= value < 1:
            raise ValueError("expected a number of at least 0 and below 1, or auto")
        return value

    @field_validator("chunk")
    @classmethod
    def _size(cls, value: int | str) -> int | str:
        if isinstance(value, int) and 0 != value < LEAST_CHUNK:
            raise ValueError(f"expected a number of at least {LEAST_CHUNK} characters, 0 or auto")
        return value

    @field_validator("today")
    @classmethod
    def _date(cls, value: str) -> str:
        if value != "auto" and not _is_date(value):
            raise ValueError("expected a date such as 2026-03-01, or auto")
        return value
