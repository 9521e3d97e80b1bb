"""What a tuner is: it says which parameters move, and knows no loss.

It declares facts about itself; whatever depends on the tuner reads these, never its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from torch import Tensor, nn

from luthier.models.bundle import Bundle, Codec, Facts, Kind, Outline


@dataclass(slots=True)
class ParamGroup:
    """Parameters that share a learning rate (times `rate`) and a weight decay."""

    parameters: list[nn.Parameter]
    rate: float = 1.0
    decays: bool = True


class Tuner(Protocol):
    """Built as `Component(config)`; `attach` calls `apply` once, before the trunk is rebuilt."""

    Config: Any
    """Its settings: a class derived from ComponentConfig (protocol variables are invariant)."""
    keeps_base: ClassVar[bool]
    """The base weights are still there beside what is trained, and are not saved with it, so
    `base()` is free."""
    moves_base: ClassVar[bool]
    """It trains weights of the base itself (a classifier's head is not part of it). They begin as
    exact as the files hold them: the base is opened in float32, and what stays frozen is shortened
    by `attach`. Otherwise the base is opened in the type of the products."""
    merges: ClassVar[bool]
    """`merge` gives a plain model with the same outputs."""
    saved_as: ClassVar[str]
    """The export format that holds its result in the run directory."""
    config: Any

    def __init__(self, config: Any) -> None: ...

    @classmethod
    def usual_rate(cls, facts: Facts, kind: Kind) -> tuple[float, str]:
        """Peak learning rate that a cross-entropy usually takes on such a model, and why."""
        ...

    def apply(self, bundle: Bundle, *, seed: int) -> Bundle:
        """The same bundle with the trained parts added; everything else has requires_grad False.

        Types are left to `attach`: parts may be added in any, and are trained in float32.
        """
        ...

    def groups(self, model: nn.Module) -> list[ParamGroup]:
        """What the optimiser moves."""
        ...

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """The smallest thing that restores what was trained, by name."""
        ...

    def restore(self, model: nn.Module, state: dict[str, Tensor]) -> None:
        """Put `state` back, strictly.

        Raises: RunError: names or shapes differ.
        """
        ...

    def base(self, model: nn.Module) -> AbstractContextManager[nn.Module]:
        """Within it the model gives the outputs it had before tuning.

        Raises: RecipeError: the tuner does not keep the base.
        """
        ...

    def merge(self, model: nn.Module) -> nn.Module:
        """The same model, changed in place into a plain one with the trained parts folded in."""
        ...


@dataclass(frozen=True, slots=True)
class Peft:
    """What a tuner trained, as the two files of PEFT's layout hold it."""

    config: Mapping[str, Any]
    """What adapter_config.json says beyond what every adapter says: `peft_type`, and its settings.
    The exporter adds base model, revision, task_type and inference_mode."""
    tensors: Mapping[str, Tensor]
    """By the names of adapter_model.safetensors: `base_model.model.` before the name in the model,
    unless PEFT has another (`prompt_embeddings`)."""


@runtime_checkable
class Extending(Tuner, Protocol):
    """A tuner that may add tokens to the vocabulary."""

    def extend(self, codec: Codec) -> None:
        """Add them, before any row is read with it; `apply` finds them there or adds them too."""
        ...

    def widen(self, bundle: Bundle) -> None:
        """Give them vectors in a model that is to be run before `apply`, which does it too."""
        ...


@runtime_checkable
class Lengthening(Tuner, Protocol):
    """A tuner that puts positions of its own before every sequence."""

    def num_before(self, context: int) -> int:
        """How many; they count against the context, and `apply` takes them from the facts.

        Raises: RecipeError: nothing of such a context would be left.
        """
        ...


@runtime_checkable
class Limited(Protocol):
    """A tuner that finds something to train in models of some kinds only."""

    kinds: ClassVar[frozenset[str]]


@runtime_checkable
class Adapting(Tuner, Protocol):
    """A tuner with `saved_as = "adapter"`: it says itself how PEFT holds its result."""

    def peft(self, bundle: Bundle) -> Peft:
        """What PEFT needs to give the outputs of the tuned model from its base."""
        ...

    def take_peft(self, bundle: Bundle, saved: Peft) -> None:
        """Put what `peft` gave back into a model to which this tuner was applied, exactly.

        Raises: RunError: it does not fit this model or this tuner's settings.
        """
        ...


@runtime_checkable
class Checking(Tuner, Protocol):
    """A tuner whose settings may not fit a model."""

    def check(self, outline: Outline) -> object:
        """What `apply` would change, told from names and shapes alone.

        Asked before the weights are read, of a model on the meta device, with settings of its own
        that are measured on the model still "auto".
        Raises: RecipeError: `apply` would raise it.
        """
        ...


@runtime_checkable
class Choosing(Tuner, Protocol):
    """A tuner that can choose what moves by how much the loss depends on it, before training."""

    def parts(self, outline: Outline) -> Mapping[str, Sequence[str]]:
        """What there is to choose from, by name: the parameters of each. Empty: nothing to choose.

        Raises: RecipeError: the settings do not fit the model.
        """
        ...

    def choose(self, relevance: Mapping[str, float]) -> dict[str, tuple[Any, str]]:
        """Values of settings that were "auto": name -> (value, reason).

        Args: relevance: of every part; see engine/relevance.py.
        """
        ...


Measure = Callable[[Sequence[str]], Mapping[str, Tensor]]
"""Mean over tokens of x x^T (I, I) for the inputs x of each of these layers, of some training rows;
see engine/input_moments.py. Each call runs the rows again."""

Tell = Callable[[int, int], None]
"""Told how many of how many layers are done."""


@runtime_checkable
class Calibrating(Tuner, Protocol):
    """A tuner whose start may depend on what the layers of the model are given."""

    def start(self, facts: Facts, *, hindrance: str) -> dict[str, tuple[Any, str]]:
        """Values of settings that were "auto": name -> (value, reason).

        Args: hindrance: what must happen before rows can be run; empty: nothing.
        """
        ...

    def calibrated_by(self) -> str:
        """The setting that asks for it, such as "recover=qera"; empty: nothing does."""
        ...

    def calibrate(self, bundle: Bundle, measure: Measure, *, seed: int, tell: Tell) -> None:
        """Look at the model. Called before `apply` where a training begins or goes on; not where
        its result is opened."""
        ...
