"""Another share of values set to zero while training."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import nn

from luthier.core.config import ComponentConfig
from luthier.core.errors import RecipeError
from luthier.keeping import keepers
from luthier.keeping.contract import Setting
from luthier.models.bundle import Kind

_ATTENTION = ("attention_probs_dropout_prob", "attention_dropout")


class Config(ComponentConfig):
    """Dropout of the pre-trained model itself; that of adapters is the tuner's own setting."""

    share: float = Field(0.1, ge=0, lt=1)
    """Of every dropout layer of the model; 0 switches them off."""


@keepers.add
class Dropout:
    """Sets the share of all dropout layers that the model has, encoders' usual 0.1 included.

    Most language models have none; they are refused.
    Source: Srivastava et al. 2014, JMLR 15, section 4.
    """

    Config = Config
    short: ClassVar[str] = "share"
    kinds: ClassVar[frozenset[Kind]] = frozenset()
    changes_inputs: ClassVar[bool] = False
    """What is frozen below all that moves runs without dropout."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def prepare(self, setting: Setting) -> None:
        """Set every layer.

        Raises: RecipeError: there is none.
        """
        layers = [m for m in setting.bundle.model.modules() if isinstance(m, nn.Dropout)]
        if not layers:
            raise RecipeError(
                f"recipe keep.dropout: {setting.bundle.facts.architecture} has no dropout layers. "
                "Leave it out, or set the dropout of the tuner (tuner.dropout), or keep.neftune"
            )
        for layer in layers:
            layer.p = self.config.share
        config: Any = setting.bundle.model.config
        for name in _ATTENTION:  # attention is told by the config, not by a layer
            if hasattr(config, name):
                setattr(config, name, self.config.share)
