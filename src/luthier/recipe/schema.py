"""The whole request as data: a strict model per section; "auto" is settled later, with a reason."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from luthier.core.config import Auto, ComponentConfig
from luthier.recipe.data_section import DataSection

Allowed = Literal["changed_data", "changed_recipe", "changed_model", "changed_tokenizer"]


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
