"""Everything one training needs, as plain data: what the engine is handed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from torch import nn

from luthier.data.features import Features
from luthier.engine.states import Kept
from luthier.keeping import Keeper
from luthier.models.bundle import Bundle
from luthier.objectives import Objective, Part, View
from luthier.tuners.contract import Tuner


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of a training, all concrete. Periods are in steps; 0 means never / no limit."""

    epochs: float
    batch_size: int
    micro_batch_tokens: int
    """A micro-batch holds at most this many tokens (one row may be longer); 0: the pre-flight
    chooses."""
    learning_rate: float
    lr_scheduler_type: Literal["cosine", "linear", "constant"]
    warmup_steps: int
    weight_decay: float
    max_grad_norm: float
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adam_epsilon: float = 1e-8
    max_steps: int = 0
    max_tokens: int = 0
    max_seconds: float = 0.0
    save_every: int = 0
    evaluate_every: int = 0
    early_stopping_patience: int = 0
    fewest_targets: int = 0
    """A validation loss over fewer says too little to prefer a step by: the newest weights count
    as the best then."""
    best_by: str = ""
    """Metric of the validation rows, higher is better, by which a step is the best (of several
    alike, that with the least loss); empty: the least loss."""
    keep_checkpoints: int = 2
    gradient_checkpointing: bool = False
    cache_bytes: int = 0
    """Disk for what frozen layers give, so that it is computed once; 0: computed in every epoch."""
    layer_decay: float = 1.0
    """Rate of a layer, in terms of the rate of the layer above it."""
    unfreeze_every: int = 0
    """Steps after which one more layer begins to move, from the top; 0: all move at once."""
    may_recompute: bool = True
    """Whether `gradient_checkpointing` may be switched on when memory asks for it."""
    precision: Literal["bfloat16", "float32"] = "float32"
    spike_factor: float = 0.0
    """0, or at least 1: an update whose loss exceeds this many times its running median, and the
    loss of the first update, is not taken. See `guards.objection`."""
    max_skipped: int = 5
    """So many skipped updates in a row end the run."""


@dataclass(slots=True)
class Job:
    """One training. The engine writes only below `checkpoints`."""

    bundle: Bundle
    tuner: Tuner
    objective: Objective
    train: Sequence[Features]
    validation: Sequence[Features]
    plan: Plan
    seed: int
    checkpoints: Path
    identity: Mapping[str, str] = field(default_factory=dict[str, str])
    """Hashes of data, model, tokenizer and recipe; compared when a run is resumed."""
    allow: Sequence[str] = ()
    """`changed_<key of identity>` for what may differ from the run that is continued."""
    reference: View | None = None
    """The model as it was before tuning, for objectives that look at it while they train."""
    companion: nn.Module | None = None
    """Parameters of the objective's own, trained and saved beside the model."""
    keepers: Sequence[Keeper] = ()
    """Options of `keep`, prepared."""
    parts: Sequence[Part] = ()
    """Rows of other sources, trained beside those of `train`."""
    row_name: Callable[[int], str] = str
    """Where training row i came from, for messages."""
    easy_first: Sequence[int] = ()
    """All rows of `train`, the easiest first; empty: the first epoch is in no order either."""
    states: Kept | None = None
    """What frozen layers give, while the loop runs."""
    should_stop: Callable[[], bool] = lambda: False
    """Asked before every step; True saves and raises Interrupted."""
