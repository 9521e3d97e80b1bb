"""Prompt tuning: trained vectors before every sequence, alone or out of a small network."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated, Any, ClassVar, Literal, get_args

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from luthier.core import seeds
from luthier.core.config import Auto, ComponentConfig
from luthier.core.errors import RecipeError, RunError
from luthier.models.bundle import Bundle, Facts, Kind, Outline
from luthier.models.soft_prompt import Encoded, SoftPrompt, Table, soft_prompt_of
from luthier.tuners import tuners
from luthier.tuners._groups import decay_groups
from luthier.tuners._parts import freeze_trunk, head, trained, untuned
from luthier.tuners._peft import saved_whole
from luthier.tuners._prompts import first_tokens, positions, shape_of, take_context, token_table
from luthier.tuners._restore import copy_strictly
from luthier.tuners.contract import ParamGroup, Peft

KEY, PREFIX = "prompt_embeddings", "base_model."
NUM_LAYERS = 2
"""Of an LSTM, where nothing is said."""


class Config(ComponentConfig):
    """A trained prompt."""

    num_virtual_tokens: int = Field(20, ge=1)
    """Vectors before every sequence; they count against the context. Usual 5 to 100."""
    init: Literal["vocabulary", "text", "random"] | Auto = "auto"
    """What they begin as: embeddings of drawn tokens (vocabulary), of `text`, or noise of the
    table's mean and spread (random); auto: random with an encoder, else text where one is given,
    else vocabulary."""
    text: str = ""
    """Words that the prompt begins as, cut or repeated to its length."""
    encoder: Literal["none", "mlp", "lstm"] = "none"
    """The network that makes the vectors out of others (p-tuning); only its result is saved."""
    encoder_hidden_size: Annotated[int, Field(ge=1)] | Auto = "auto"
    """Width of the encoder; auto: that of the model."""
    encoder_num_layers: int = Field(NUM_LAYERS, ge=1)
    """Layers of an LSTM encoder."""

    @model_validator(mode="after")
    def _fits(self) -> Config:
        if self.init == "text" and not self.text:
            raise ValueError("init = text needs tuner.text, the words to begin with")
        if self.text and self.init in ("vocabulary", "random"):
            raise ValueError(f"text is given, but init = {self.init} does not read it")
        if self.encoder != "none" and (self.text or self.init in ("vocabulary", "text")):
            raise ValueError("an encoder begins at random; leave init and text out")
        if self.encoder_hidden_size != "auto" and self.encoder == "none":
            raise ValueError("encoder_hidden_size needs an encoder: mlp or lstm")
        if self.encoder_num_layers != NUM_LAYERS and self.encoder != "lstm":
            raise ValueError("encoder_num_layers is of encoder = lstm; leave it out")
        return self


@tuners.add
class Prompt:
    """Trains num_virtual_tokens * width parameters, in float32; never merged into the weights.

    With an encoder also its weights: about 3 * width^2 (mlp) or 46 * width^2 (lstm, two layers),
    of which nothing is left in the result. Real tokens come after the prompt, in positions too; an
    encoder's scores are read from its first vector. A classifier's head is trained whole.
    Begun as a text, a fresh prompt gives the outputs that this text before the input would give.
    Source: Lester et al. 2021, arXiv:2104.08691; Liu et al. 2021, arXiv:2103.10385 (p-tuning); the
    names and the layout are PEFT's. Its random start is N(0, 1), far off the usual table; ours not.
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
        """The start, from whether there is a text or an encoder."""
        if config.init != "auto":
            return {}
        if config.encoder != "none":
            return {"init": ("random", "an encoder is drawn")}
        return {"init": ("text", "a text is given") if config.text else ("vocabulary", "no text")}

    @classmethod
    def usual_rate(cls, facts: Facts, kind: Kind) -> tuple[float, str]:
        """Far above that of weights: few numbers move, and they must move far. Of a language model
        further still: nothing but them moves (docs/results.md)."""
        del facts
        return (3e-2 if kind == "causal_lm" else 1e-2), "usual for a trained prompt"

    def num_before(self, context: int) -> int:
        """The prompt's own positions."""
        return positions(self.config.num_virtual_tokens, context)

    def apply(self, bundle: Bundle, *, seed: int) -> Bundle:
        """The same bundle with the prompt in its table of tokens, and so much less context.

        Raises: RecipeError: the model reads no tokens, or has no room for the prompt.
        """
        table = self.check(bundle)
        take_context(bundle, self.num_before(bundle.facts.context_length))
        self._first_head = freeze_trunk(bundle)
        vectors = self._vectors(bundle, table, seed=seed).to(table.weight.device)
        model: Any = bundle.model
        model.set_input_embeddings(SoftPrompt(table, vectors))
        return bundle

    def check(self, outline: Outline) -> nn.Embedding:
        """The table that the prompt is put before.

        Raises: RecipeError: the model reads no tokens.
        """
        return token_table(outline, "prompt")

    def groups(self, model: nn.Module) -> list[ParamGroup]:
        """A table of vectors does not decay, as embeddings do not; encoder and head as usual."""
        start = _prompt(model).vectors.weight
        others = [p for p in model.parameters() if p is not start]
        return [ParamGroup([start], decays=False), *decay_groups(others)]

    def state(self, model: nn.Module) -> dict[str, Tensor]:
        """The vectors or what makes them, and the head's parameters, by name."""
        return trained(model)

    def restore(self, model: nn.Module, state: dict[str, Tensor]) -> None:
        """Put them back.

        Raises: RunError: names or shapes differ.
        """
        copy_strictly(trained(model), state)

    def peft(self, bundle: Bundle) -> Peft:
        """PEFT's PROMPT_TUNING or P_TUNING, whose file holds the vectors themselves."""
        model = bundle.model
        vectors = _prompt(model).outputs().detach()
        config: dict[str, Any] = {
            **shape_of(model.config, width=vectors.shape[1]),
            "num_virtual_tokens": self.config.num_virtual_tokens,
            "modules_to_save": saved_whole(model, head(model)) or None,
        }
        if self.config.encoder == "none":
            config |= {"peft_type": "PROMPT_TUNING", "prompt_tuning_init": "RANDOM"}
        else:
            config |= {
                "peft_type": "P_TUNING",
                "encoder_reparameterization_type": self.config.encoder.upper(),
                "encoder_hidden_size": self._hidden_size(bundle),
                "encoder_num_layers": self.config.encoder_num_layers,
            }
        whole = {PREFIX + name: parameter.detach() for name, parameter in head(model).items()}
        return Peft(config, {KEY: vectors, **whole})

    def take_peft(self, bundle: Bundle, saved: Peft) -> None:
        """Vectors of an encoder take its place: it is not in the file.

        Raises: RunError: other shapes or names.
        """
        prompt = _prompt(bundle.model)
        start = prompt.vectors.weight
        tensors = {name.removeprefix(PREFIX): tensor for name, tensor in saved.tensors.items()}
        vectors = tensors.pop(KEY, None)
        if vectors is None or vectors.shape != start.shape:
            came = "none" if vectors is None else tuple(vectors.shape)
            raise RunError(f"{KEY}: got shape {came}, expected {tuple(start.shape)}")
        copy_strictly(dict(head(bundle.model)), tensors)
        prompt.vectors = Table(vectors.to(start.device))

    def base(self, model: nn.Module) -> AbstractContextManager[nn.Module]:
        """Within it there is no prompt, and a classifier has the head it started with."""
        return untuned(model, self._first_head)

    def merge(self, model: nn.Module) -> nn.Module:
        """Raises: RecipeError: always; no weight of the model stands for a prompt."""
        del model
        raise RecipeError("tuner 'prompt' does not merge. Export the run as format 'adapter'.")

    def _vectors(self, bundle: Bundle, table: nn.Embedding, *, seed: int) -> Table | Encoded:
        kind = self.config.encoder
        if kind == "none":
            return Table(self._start(bundle, table, seed=seed))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds.derive(seed, "prompt", "encoder"))
            return Encoded(
                torch.randn(self.config.num_virtual_tokens, table.embedding_dim),
                kind,
                hidden=self._hidden_size(bundle),
                num_layers=self.config.encoder_num_layers,
            )

    def _start(self, bundle: Bundle, table: nn.Embedding, *, seed: int) -> Tensor:
        length, text = self.config.num_virtual_tokens, self.config.text
        if self.config.init != "random":
            ids = first_tokens(bundle, text, length=length, seed=seed, stream="prompt")
            return table(ids).detach().float()
        draws = torch.Generator().manual_seed(seeds.derive(seed, "prompt", "noise"))
        noise_PD = torch.randn(length, table.embedding_dim, generator=draws)
        every = torch.arange(table.num_embeddings, device=table.weight.device)
        seen = table(every).detach().float()  # some tables scale what they look up
        return noise_PD.to(seen.device) * seen.std() + seen.mean()

    def _hidden_size(self, bundle: Bundle) -> int:
        asked = self.config.encoder_hidden_size
        return bundle.facts.hidden_size if asked == "auto" else asked


def _prompt(model: nn.Module) -> SoftPrompt:
    found = soft_prompt_of(model)
    assert found is not None, "the tuner was not applied"
    return found
