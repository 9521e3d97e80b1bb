"""The whole request as data: a strict model per section; "auto" is settled later, with a reason."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field, PositiveFloat, field_validator

from luthier.core.config import Auto, ComponentConfig

Overflow = Literal["error", "truncate_prompt", "truncate_tail", "split", "drop"]
Reasoning = Literal["keep", "last", "drop"]
Allowed = Literal["changed_data", "changed_recipe", "changed_model", "changed_tokenizer"]

LEAST_CHUNK = 100
"""Characters; of less nothing is learned."""


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
    columns: dict[str, str] = Field(default_factory=dict[str, str])
    """Canonical column -> name in the file."""
    roles: dict[str, str] = Field(default_factory=dict[str, str])
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
    """Rows for choosing (early stopping, best checkpoint); auto: split off `train`."""
    test: str | list[str] | Auto = "auto"
    """Rows for the verdict, untouched by any choice; auto: split off `train`."""
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
    columns: dict[str, str] = Field(default_factory=dict[str, str])
    """Canonical column -> name in the file, such as {text: review, label: stars}."""
    roles: dict[str, str] = Field(default_factory=dict[str, str])
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


class TrainingSection(ComponentConfig):
    """The loop. Keys follow transformers."""

    epochs: float | Auto = "auto"
    """Passes over the training rows."""
    max_steps: int = Field(default=0, ge=0)
    """Stop after so many optimizer steps (0: no limit). Epochs left to auto follow it."""
    max_tokens: int = Field(default=0, ge=0)
    """Stop after so many tokens, those that the model writes to learn from included (0: no
    limit)."""
    max_seconds: float = Field(default=0.0, ge=0)
    """Stop after so many seconds of training, validating and saving (0: no limit)."""
    order: Literal["random", "length", "loss"] = "random"
    """Rows of the first epoch: in random order, or easy ones first, by their tokens or by the loss
    of the model before training. Later epochs are in random order."""
    learning_rate: float | Auto = "auto"
    """Peak step size of AdamW; usual 1e-5 to 5e-4."""
    batch_size: int | Auto = "auto"
    """Examples per optimizer step."""
    micro_batch_tokens: int | Auto = "auto"
    """Tokens per forward and backward pass; auto: from free memory."""
    max_length: int | Auto = "auto"
    """Longest row in tokens; auto: the longest row, those of `data.mixture` too, at most the
    model's context."""
    lr_scheduler_type: Literal["cosine", "linear", "constant"] = "cosine"
    """Shape of the learning rate after warm-up."""
    warmup_ratio: float = Field(default=0.05, ge=0, lt=1)
    """Share of steps over which the learning rate rises from 0."""
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """Rate of a layer, times that of the layer above it; usual 0.65 to 0.95, 1: all the same."""
    unfreeze_every: int = Field(default=0, ge=0)
    """Steps after which one more layer begins to move, from the top down (0: all at once)."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled weight decay; never on biases and norms."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this norm."""
    save_every: int | Auto = "auto"
    """Steps between checkpoints; auto: about ten per run, 0: only at the end."""
    evaluate_every: int | Auto = "auto"
    """Steps between validations; auto: twice per epoch, 0: only at the end."""
    early_stopping_patience: int = Field(default=0, ge=0)
    """Stop after so many validations without a better loss, or F1 of tags (0: never)."""
    keep_checkpoints: int = Field(default=2, ge=1)
    """Newest checkpoints kept, besides the best one."""
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    """Type of the products; trained parameters and optimizer state are always float32."""
    gradient_checkpointing: bool | Auto = "auto"
    """Recompute activations in the backward pass; auto: only when memory asks for it."""
    cache_bytes: int | Auto = "auto"
    """Disk for what layers give that never move: computed once, used in every epoch; auto: up to
    16 GiB, 0: computed in every epoch."""
    path: Literal["auto", "general", "fast"] = "auto"
    """The family's fast path (auto: on CPUs), or the general one that runs any architecture."""
    compile: Literal["auto", "off", "on"] = "auto"
    """Elementwise pieces as C++, built on this machine; auto: where it pays within this run."""
    spike_factor: float = Field(default=10.0, ge=0)
    """An update whose loss exceeds this many times its running median is not taken (0: off, else
    at least 1). Not used where the model learns from scores: such a loss lies around 0."""

    @field_validator("epochs", "learning_rate")
    @classmethod
    def _positive(cls, value: float | str) -> float | str:
        if isinstance(value, float | int) and value <= 0:
            raise ValueError("expected a number above 0, or auto")
        return value

    @field_validator("batch_size", "micro_batch_tokens", "max_length")
    @classmethod
    def _at_least_one(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 1:
            raise ValueError("expected a whole number of at least 1, or auto")
        return value

    @field_validator("spike_factor")
    @classmethod
    def _off_or_above(cls, value: float) -> float:
        if 0 < value < 1:
            raise ValueError("expected 0 (off) or a number of at least 1")
        return value

    @field_validator("save_every", "evaluate_every", "cache_bytes")
    @classmethod
    def _not_negative(cls, value: int | str) -> int | str:
        if isinstance(value, int) and value < 0:
            raise ValueError("expected a whole number of at least 0, or auto")
        return value


class EvaluationSection(ComponentConfig):
    """The evidence: what is compared on the held-out test rows, and how."""

    arms: list[str] | Auto = "auto"
    """Names of the arms compared; auto: those that fit the model kind and the data."""
    max_rows: int = Field(default=0, ge=0)
    """Score at most so many test rows (0: all), chosen by content hash."""
    max_new_tokens: int | Auto = "auto"
    """Longest generated answer; auto: from the longest training answer."""
    num_shots: int | Auto = "auto"
    """Examples in the few-shot prompt; auto: as many as fit, at most 4."""
    instruction: str = "auto"
    """System prompt of the prompted arms; auto: the rows' own, or written from the examples."""
    metric: str = "auto"
    """The metric of the verdict; auto: accuracy, JSON-field match, exact match or NLL."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Level of every interval."""
    num_resamples: int = Field(default=2000, ge=100)
    """Resamples of an interval, and swaps of a test."""
    retention: bool = True
    """Measure what the model forgot on general text and neutral prompts."""


class Recipe(ComponentConfig):
    """One fine-tuning request."""

    format_version: Literal[1] = 1
    """Version of this layout."""
    name: str = "auto"
    """Name of the run; auto: from the data file."""
    model: str
    """Hub name, folder, .gguf file, pypi:PACKAGE or alias."""
    data: DataSection
    """Files of examples: at least data.train."""
    objective: dict[str, Any] = Field(default_factory=lambda: {"name": "auto"})
    """`name` of the objective and its own settings."""
    tuner: dict[str, Any] = Field(default_factory=lambda: {"name": "auto"})
    """`name` of the tuner and its own settings."""
    keep: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Options against forgetting and learning by heart, each by its name: a number for its main
    setting, true, or a mapping of its settings."""
    training: TrainingSection = TrainingSection()
    """The loop."""
    evaluation: EvaluationSection = EvaluationSection()
    """The evidence."""
    trackers: list[str] = Field(default_factory=list[str])
    """Also report to: tensorboard, wandb, mlflow."""
    allow: list[Allowed] = Field(default_factory=list[Allowed])
    """Dangerous things allowed when a run is continued, for this time."""
    seed: int = Field(default=0, ge=0)
    """Seed of every random stream."""

    @field_validator("objective", "tuner", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and "name" not in value:
            return {"name": "auto", **value}
        return value
