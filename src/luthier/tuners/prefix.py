"""Prefix tuning: trained keys and values that every token sees in every layer."""

from __future__ import annotations

from contextlib import AbstractContextManager
from inspect import signature
from typing import Annotated, Any, ClassVar, Literal, get_args

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from transformers import DynamicCache

from luthier.core import seeds
from luthier.core.config import Auto, ComponentConfig
from luthier.core.errors import RecipeError, RunError
from luthier.models.bundle import Bundle, Facts, Kind, Outline
from luthier.models.key_value_prefix import NAME, KeyValuePrefix
from luthier.tuners import tuners
from luthier.tuners._groups import decay_groups
from luthier.tuners._parts import freeze_trunk, head, trained, untuned
from luthier.tuners._peft import saved_whole
from luthier.tuners._prompts import first_tokens, positions, take_context, token_table
from luthier.tuners._restore import copy_strictly
from luthier.tuners.contract import ParamGroup, Peft

KEY, PREFIX = "prompt_embeddings", "base_model."


class Config(ComponentConfig):
    """A trained prefix."""

    num_virtual_tokens: int = Field(20, ge=1)
    """Keys and values before every sequence; they count against the context. Usual 5 to 100."""
    init: Literal["vocabulary", "text", "random"] | Auto = "auto"
    """What they begin as: what the model itself makes of drawn tokens (vocabulary) or of `text`,
    or small noise (random); auto: random with a projection, else text where one is given, else
    vocabulary."""
    text: str = ""
    """Words that the prefix begins as, cut or repeated to its length."""
    projection: bool = False
    """Train smaller vectors and two layers that make the prefix of them; only that is saved."""
    encoder_hidden_size: Annotated[int, Field(ge=1)] | Auto = "auto"
    """Width between the two layers; auto: that of the model."""

    @model_validator(mode="after")
    def _fits(self) -> Config:
        if self.init == "text" and not self.text:
            raise ValueError("init = text needs tuner.text, the words to begin with")
        if self.text and self.init in ("vocabulary", "random"):
            raise ValueError(f"text is given, but init = {self.init} does not read it")
        if self.projection and (self.text or self.init in ("vocabulary", "text")):
            raise ValueError("projection = true begins at random; leave init and text out")
        if self.encoder_hidden_size != "auto" and not self.projection:
            raise ValueError("encoder_hidden_size is of projection = true; add that, or leave it")
        return self


@tuners.add
class Prefix:
    """Trains num_virtual_tokens * layers * 2 * width of keys, in float32; never merged.

    With a projection instead the two layers' weights, about layers * 2 * width of keys * hidden
    size, of which nothing is left in the result. Real tokens come after the prefix, in positions
    too. A classifier's head is trained whole. Begun as a text, a fresh prefix gives a decoder the
    outputs that this text before the input would give, without reading it again for every row.
    Source: Li and Liang 2021, arXiv:2101.00190; order and layout as in PEFT, whose start is noise.
    """

    Config = Config
    keeps_base: ClassVar[bool] = True
    moves_base: ClassVar[bool] = False
    merges: ClassVar[bool] = False
    kinds: ClassVar[frozenset[str]] = frozenset(get_args(Kind)) - {"image_classifier"}
    saved_as: ClassVar[str] = "adapter"

    def __init__(self, config: Config) -> None:
        self.config = config
        self._first_head: dict[str, Tensor] = {}

    @classmethod
    def resolve(cls, config: Config) -> dict[str, tuple[object, str]]:
        """The start, from whether there is a text or a projection."""
        if config.init != "auto":
            return {}
        if config.projection:
            return {"init": ("random", "a projection is drawn")}
        return {"init": ("text", "a text is given") if config.text else ("vocabulary", "no text")}

    @classmethod
    def usual_rate(cls, facts: Facts, kind: Kind) -> tuple[float, str]:
        """Above that of weights; of a language model as far as a prompt's, for nothing else moves
        (docs/results.md)."""
        del facts
        return (5e-2 if kind == "causal_lm" else 5e-3), "usual for a trained prefix"

    def num_before(self, context: int) -> int:
        """The prefix's positions."""
        return positions(self.config.num_virtual_tokens, context)

    def apply(self, bundle: Bundle, *, seed: int) -> Bundle:
        """The same bundle with a prefix, and so much less context.

        Raises: RecipeError: the model takes no keys and values from outside, or has no room.
        """
        table = self.check(bundle)
        length = self.num_before(bundle.facts.context_length)
        take_context(bundle, length)
        self._first_head = freeze_trunk(bundle)
        start = self._start(bundle, seed=seed)
        num_heads, _, head_width = start[0][0].shape
        prefix = KeyValuePrefix(
            length=length, num_layers=len(start), num_heads=num_heads, head_width=head_width
        ).to(table.weight.device)
        with torch.no_grad():
            prefix.weight.copy_(_flat(start))
        if self.config.projection:
            self._project(prefix, seed=seed)
        table.add_module(NAME, prefix)
        return bundle

    def check(self, outline: Outline) -> nn.Embedding:
        """The table that holds the prefix.

        Raises: RecipeError: the model takes no keys and values from outside.
        """
        model: Any = outline.model
        table = token_table(outline, "prefix")
        if "past_key_values" not in signature(model.base_model.forward).parameters:
            raise RecipeError(
                f"tuner 'prefix': {type(model).__name__} takes no keys and values from outside "
                "(past_key_values). Use tuner 'prompt' or 'lora'."
            )
        return table

    def groups(self, model: nn.Module) -> list[ParamGroup]:
        """The vectors do not decay, as embeddings do not; projection and head as usual."""
        start = _prefix(model).weight
        others = [p for p in model.parameters() if p is not start]
        return [ParamGroup([start], decays=False), *decay_groups(others)]

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """The keys and values or what makes them, and the head's parameters, by name."""
        return trained(model)

    def restore(self, model: nn.Module, state: dict[str, Tensor]) -> None:
        """Put them back.

        Raises: RunError: names or shapes differ.
        """
        copy_strictly(trained(model), state)

    def peft(self, bundle: Bundle) -> Peft:
        """PEFT's PREFIX_TUNING, whose file holds the keys and values themselves."""
        prefix, whole = _prefix(bundle.model), head(bundle.model)
        config: dict[str, Any] = {
            "peft_type": "PREFIX_TUNING",
            "num_virtual_tokens": prefix.length,
            "num_layers": prefix.num_layers,
            "num_attention_heads": prefix.num_heads,
            "token_dim": prefix.width,
            "num_transformer_submodules": 1,
            "prefix_projection": self.config.projection,
            "encoder_hidden_size": self._hidden_size(prefix),
            "modules_to_save": saved_whole(bundle.model, whole) or None,
        }
        tensors = {PREFIX + name: parameter.detach() for name, parameter in whole.items()}
        return Peft(config, {KEY: prefix.outputs().detach(), **tensors})

    def take_peft(self, bundle: Bundle, saved: Peft) -> None:
        """Keys and values take the place of a projection: it is not in the file.

        Raises: RunError: other shapes or names.
        """
        prefix = _prefix(bundle.model)
        tensors = {name.removeprefix(PREFIX): tensor for name, tensor in saved.tensors.items()}
        expected = (prefix.length, 2 * prefix.num_layers * prefix.width)
        values = tensors.pop(KEY, None)
        if values is None or values.shape != expected:
            came = "none" if values is None else tuple(values.shape)
            raise RunError(f"{KEY}: got shape {came}, expected {expected}")
        copy_strictly(dict(head(bundle.model)), tensors)
        prefix.transform = None
        prefix.weight = nn.Parameter(values.to(prefix.weight))

    def base(self, model: nn.Module) -> AbstractContextManager[nn.Module]:
        """Within it there is no prefix, and a classifier has the head it started with."""
        return untuned(model, self._first_head)

    def merge(self, model: nn.Module) -> nn.Module:
        """Raises: RecipeError: always; no weight of the model stands for a prefix."""
        del model
        raise RecipeError("tuner 'prefix' does not merge. Export the run as format 'adapter'.")

    @torch.no_grad()
    def _start(self, bundle: Bundle, *, seed: int) -> list[tuple[Tensor, Tensor]]:
        """Keys and values (K, P, E) of every layer, as the model itself makes them."""
        model: Any = bundle.model
        length, text = self.config.num_virtual_tokens, self.config.text
        ids = first_tokens(bundle, text, length=length, seed=seed, stream="prefix")
        cache = DynamicCache()  # not of the config: layers with a window would drop the first
        was_training = model.training
        model.eval()
        model.base_model(input_ids=ids[None], past_key_values=cache)
        model.train(was_training)
        layers: list[Any] = cache.layers
        if len({getattr(layer, "keys", torch.empty(0)).shape for layer in layers}) != 1:
            raise RecipeError(
                f"tuner 'prefix': the layers of {type(model).__name__} hold keys and values of "
                "different shapes, or some none. Use tuner 'prompt' or 'lora'."
            )
        found = [(layer.keys[0].float(), layer.values[0].float()) for layer in layers]
        if self.config.init != "random" and not self.config.projection:
            return found
        draws = torch.Generator().manual_seed(seeds.derive(seed, "prefix", "noise"))
        return [tuple(_noise(part, draws) for part in pair) for pair in found]  # type: ignore[misc]

    def _project(self, prefix: KeyValuePrefix, *, seed: int) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.derive(seed, "prefix", "projection"))
            prefix.project(self._hidden_size(prefix))

    def _hidden_size(self, prefix: KeyValuePrefix) -> int:
        asked = self.config.encoder_hidden_size
        return prefix.width if asked == "auto" else asked


def _prefix(model: Any) -> KeyValuePrefix:
    return getattr(model.get_input_embeddings(), NAME)


def _flat(layers: list[tuple[Tensor, Tensor]]) -> Tensor:
    """(P, 2 L D) from keys and values (K, P, E): layer after layer, keys then values."""
    parts = [part.transpose(0, 1).flatten(1) for pair in layers for part in pair]
    return torch.cat(parts, 1)


def _noise(like: Tensor, draws: torch.Generator) -> Tensor:
    """Noise of the spread that the model's own keys or values have."""
    return torch.randn(like.shape, generator=draws).to(like) * like.std()
