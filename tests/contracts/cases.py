"""One small training per (tuner, objective): what every contract test starts from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from tests import tiny
from torch import Tensor

from luthier.core.events import Event
from luthier.data.features import Features
from luthier.data.rows import Chat, Labeled, Origin, Row, Text
from luthier.engine.accumulate import accumulate
from luthier.engine.fit import fit
from luthier.engine.job import Job, Plan
from luthier.engine.optimizer import Optimizer, open_optimizer
from luthier.models.bundle import Bundle, Source
from luthier.models.codec import codec_of
from luthier.models.facts import facts_of
from luthier.models.trunks import build
from luthier.objectives import Objective, Roles, objectives
from luthier.tuners import Tuner, attach, tuners

PLAN = Plan(
    epochs=2,
    batch_size=3,
    micro_batch_tokens=64,
    learning_rate=1e-2,
    lr_scheduler_type="cosine",
    warmup_steps=1,
    weight_decay=0.01,
    max_grad_norm=1.0,
    spike_factor=10.0,
)
SETTINGS: dict[str, dict[str, Any]] = {"lora": {"rank": 8}}
"""What a tuner needs besides its defaults to fit a model of width 32."""

_WORDS = ("red", "green", "blue", "one", "two", "three", "yes", "no")


def _chats() -> list[Row]:
    return [
        tiny.chat(f"what is {word} {'of ' * n}", f"{word} and {word}", line=n + 1)
        for n, word in enumerate(_WORDS)
    ]


def _texts() -> list[Row]:
    return [
        Text(origin=Origin("t.txt", n + 1), text=f"the {word} is {'that ' * n}in {word}")
        for n, word in enumerate(_WORDS)
    ]


def _labeled() -> list[Row]:
    return [
        Labeled(origin=Origin("l.csv", n + 1), text=f"{word} " * (n + 1), label=f"label_{n % 3}")
        for n, word in enumerate(_WORDS)
    ]


WAYS: dict[str, tuple[torch.dtype, Any]] = {
    "float32": (torch.float32, "general"),
    "bfloat16": (torch.bfloat16, "auto"),
    "bfloat16-general": (torch.bfloat16, "general"),
}
"""Type of the products, and the path asked for: exact arithmetic, and what users run."""

ROWS: dict[type[Row], Callable[[], list[Row]]] = {Chat: _chats, Text: _texts, Labeled: _labeled}


@dataclass
class Case:
    """Eight rows, a two-layer model, one tuner, one objective."""

    bundle: Bundle
    tuner: Tuner
    objective: Objective
    rows: list[Row]
    features: list[Features]
    plan: Plan = field(default_factory=lambda: PLAN)
    seed: int = 0
    way: str = "float32"
    """A key of WAYS."""

    def job(self, folder: Path, **changes: Any) -> Job:
        """A training of the eight rows; `changes` are fields of Plan or of Job."""
        in_plan = {key: value for key, value in changes.items() if hasattr(self.plan, key)}
        others = {key: value for key, value in changes.items() if key not in in_plan}
        return Job(
            bundle=self.bundle,
            tuner=self.tuner,
            objective=self.objective,
            train=others.pop("train", self.features),
            validation=others.pop("validation", self.features[:3]),
            plan=replace(self.plan, **in_plan),
            seed=self.seed,
            checkpoints=folder / "checkpoints",
            **others,
        )

    def fit(self, folder: Path, **changes: Any) -> list[Event]:
        """Every event of a training to its end."""
        return list(fit(self.job(folder, **changes)))

    def gradient(self, features: Sequence[Features], *, max_tokens: int) -> dict[str, Tensor]:
        """Mean gradient of the rows by parameter name."""
        optimizer, measured = self.measure(features, max_tokens=max_tokens)
        found = {name: g / measured.count for name, g in optimizer.gradients().items()}
        optimizer.clear()
        return found

    def measure(self, features: Sequence[Features], *, max_tokens: int) -> tuple[Optimizer, Any]:
        """The optimizer with summed gradients in place, and the means."""
        job = self.job(Path("unused"))
        optimizer = open_optimizer(job)
        return optimizer, accumulate(job, optimizer, features, step=0, max_tokens=max_tokens)

    def loss(self, features: Sequence[Features]) -> float:
        """Mean loss of the rows as one batch, without gradient."""
        with torch.no_grad():
            loss = self.objective.loss(Roles(self.bundle), self.objective.collate(features))
        return float(loss.sum / loss.count)

    def outputs(self) -> Tensor:
        """What the model says about the eight rows: scores, or final hidden states."""
        batch = self.objective.collate(self.features)
        trunk, model = self.bundle.trunk, self.bundle.model
        was_training = model.training
        model.eval()
        with torch.no_grad():
            is_lm = self.bundle.kind == "causal_lm"
            found = trunk.hidden(batch) if is_lm else trunk.scores(batch)
        model.train(was_training)
        return found.clone()

    def run_anew(self, *, like: str = "") -> None:
        """Build the trunk again for the model as it now is. Args: like: name of a trunk."""
        dtype, prefer = WAYS[self.way]
        path = "general" if like == "general" else prefer
        self.bundle.trunk = build(
            self.bundle.model, self.bundle.kind, prefer=path, compute_dtype=dtype
        )

    def parameters(self) -> dict[str, Tensor]:
        """Every parameter by name, copied."""
        named = self.bundle.model.named_parameters()
        return {name: parameter.detach().clone() for name, parameter in named}

    def disturb(self) -> None:
        """Move everything that is trained, so that adapters are no longer fresh."""
        generator = torch.Generator().manual_seed(7)
        for parameter in self.bundle.model.parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=generator)
                parameter.data += 0.05 * noise


def plain_bundle(
    kind: str, *, seed: int = 0, way: str = "float32", moves_base: bool = True, **changes: Any
) -> Bundle:
    """An untouched tiny model of the kind, opened as the workflow does for such a tuner."""
    dtype, prefer = WAYS[way]
    if kind == "causal_lm":
        model, tokenizer = tiny.causal_lm("llama", seed=seed, **changes), tiny.tokenizer()
        labels: tuple[str, ...] = ()
    else:
        model, tokenizer = tiny.classifier("bert", seed=seed, **changes), tiny.word_tokenizer()
        labels = ("label_0", "label_1", "label_2")
    if not moves_base:
        for parameter in model.parameters():
            parameter.data = parameter.data.to(dtype)
    trunk = build(model, kind, prefer=prefer, compute_dtype=dtype)
    source = Source("tiny", Path("tiny"), "0" * 64)
    return Bundle(model, codec_of(tokenizer), kind, source, facts_of(model), trunk, labels)


def case(
    tuner: str,
    objective: str,
    *,
    seed: int = 0,
    settings: dict[str, Any] | None = None,
    way: str = "float32",
    **model: Any,
) -> Case:
    """Tuner applied, rows prepared."""
    learned = objectives.get(objective)
    rows = ROWS[learned.row]()
    config = learned.Config()
    found = {key: value for key, (value, _) in learned.resolve(config, rows).items()}
    built = learned(learned.Config(**found))
    moved = tuners.get(tuner)
    kind = sorted(learned.kinds)[0]
    bundle = plain_bundle(kind, way=way, moves_base=moved.moves_base, **model)
    applied = moved(moved.Config(**{**SETTINGS.get(tuner, {}), **(settings or {})}))
    dtype, prefer = WAYS[way]
    bundle = attach(applied, bundle, seed=seed, frozen=dtype)
    bundle.trunk = build(bundle.model, bundle.kind, prefer=prefer, compute_dtype=dtype)
    bundle.model.train()
    features = [built.prepare(row, bundle.codec, index=n) for n, row in enumerate(rows)]
    return Case(bundle, applied, built, rows, features, seed=seed, way=way)


PAIRS = [(tuner, objective) for tuner in tuners.names() for objective in objectives.names()]
