"""One small training per (tuner, objective): what every contract test starts from."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tests import tiny
from tests.contracts.rows import ROWS
from torch import Tensor, nn

from luthier.core.events import Event
from luthier.data.features import Features
from luthier.data.rows import Row
from luthier.engine.accumulate import accumulate
from luthier.engine.constants import fill
from luthier.engine.fit import fit
from luthier.engine.job import Job, Plan
from luthier.engine.optimizer import Optimizer, open_optimizer
from luthier.models.bundle import Bundle, Kind, Source
from luthier.models.codec import codec_of
from luthier.models.facts import facts_of
from luthier.models.trunks import build
from luthier.objectives import (
    Explorer,
    Objective,
    Precomputer,
    Roles,
    View,
    labels_of,
    objectives,
    resolved,
)
from luthier.tuners import Tuner, attach, tuners
from luthier.workflow.check import lacks

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
SETTINGS: dict[str, dict[str, Any]] = {
    "last_layers": {"num_layers": 1},
    "lora": {"rank": 8},
    "qlora": {"rank": 8},
    "prompt": {"num_virtual_tokens": 4},
    "prefix": {"num_virtual_tokens": 32, "init": "random"},
    "adapter": {"reduction_factor": 4.0},
}
"""What a tuner needs besides its defaults to fit a model of width 32."""
SHORT = {"grader": {"name": "similarity", "measure": "edit"}, "max_new_tokens": 4}
MODELS: dict[tuple[str, Kind], dict[str, Any]] = {
    ("bitfit", "causal_lm"): {"attention_bias": True}  # it trains nothing else
}
"""How the model differs on which a tuner is tried."""
OBJECTIVE_SETTINGS: dict[str, dict[str, Any]] = {
    "grpo": {**SHORT, "group_size": 3, "updates": 2},
    "ppo": {**SHORT, "updates": 2},
    # mostly the rows' own tokens, which small adapters can learn by heart; a teacher they cannot
    "distill": {"teacher": "tiny", "hard_share": 0.98},
}
"""What an objective needs besides its defaults."""

WAYS: dict[str, tuple[torch.dtype, Any]] = {
    "float32": (torch.float32, "general"),
    "bfloat16": (torch.bfloat16, "auto"),
    "bfloat16-general": (torch.bfloat16, "general"),
}
"""Type of the products, and the path asked for: exact arithmetic, and what users run."""


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
    model: dict[str, Any] = field(default_factory=dict[str, Any])
    """Settings of the model beyond the usual."""
    prompts: list[Features] = field(default_factory=list[Features])
    """What an exploring objective is trained on; `features` are then the experience of it."""

    def job(self, folder: Path, **changes: Any) -> Job:
        """A training of the eight rows; `changes` are fields of Plan or of Job."""
        in_plan = {key: value for key, value in changes.items() if hasattr(self.plan, key)}
        others = {key: value for key, value in changes.items() if key not in in_plan}
        given = self.prompts or self.features
        return Job(
            bundle=self.bundle,
            tuner=self.tuner,
            objective=self.objective,
            train=others.pop("train", given),
            validation=others.pop("validation", given[:3]),
            companion=self.companion(),
            plan=replace(self.plan, **in_plan),
            seed=self.seed,
            checkpoints=folder / "checkpoints",
            reference=self.view() if self.tuner.keeps_base else None,
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
            loss = self.objective.loss(self.roles(), self.objective.collate(features))
        return float(loss.sum / loss.count)

    def outputs(self) -> Tensor:
        """What the model says about the eight rows: final hidden states, or scores."""
        batch = self.objective.collate(self.features)
        trunk, model = self.bundle.trunk, self.bundle.model
        was_training = model.training
        model.eval()
        says = {
            "sequence_classifier": trunk.scores,
            "token_classifier": trunk.token_scores,
            "question_answerer": trunk.token_scores,
        }.get(self.bundle.kind, trunk.hidden)
        with torch.no_grad():
            found = says(batch)
            if self.bundle.kind == "causal_lm":  # a tuner may train the head
                head = trunk.head()
                found = torch.nn.functional.linear(found.to(head.weight.dtype), head.weight)
        model.train(was_training)
        return found.clone()

    def view(self) -> View:
        """The model before tuning, as the workflow gives it to objectives."""

        @contextmanager
        def opened() -> Generator[Bundle]:
            if not self.tuner.keeps_base:
                yield self.bundle
                return
            with self.tuner.base(self.bundle.model) as base:
                yield replace(self.bundle, model=base)

        return opened

    def roles(self) -> Roles:
        """What the engine hands to a loss."""
        return Roles(self.bundle, self.view() if self.tuner.keeps_base else None, self.companion())

    def teacher(self) -> View:
        """Another model with the same tokens, near enough for small adapters to follow it."""
        found = plain_bundle(self.bundle.kind, labels=self.bundle.labels, seed=self.seed)
        found.model.config.tie_word_embeddings = self.bundle.model.config.tie_word_embeddings
        draws = torch.Generator().manual_seed(9)
        for name, parameter in found.model.named_parameters():
            if "layers." in name:
                parameter.data += 0.05 * torch.randn(parameter.shape, generator=draws)
        return lambda: nullcontext(found)

    def companion(self) -> nn.Module | None:
        """Fresh parameters of the objective's own."""
        learned = self.objective
        return learned.companion(self.bundle) if isinstance(learned, Explorer) else None

    def ask(self) -> None:
        """Put what frozen roles say into the rows, as is done before the first update."""
        if isinstance(self.objective, Explorer):
            self.prompts, models = self.features, Roles(self.bundle, self.view(), self.companion())
            found = self.objective.explore(models, self.prompts, step=0, seed=self.seed)
            self.features = found.features
            self.disturb()  # on fresh experience advantages sum to a loss of 0
        if isinstance(self.objective, Precomputer):
            job = self.job(Path("unused"), validation=[])
            with TemporaryDirectory() as folder:
                models = Roles(self.bundle, self.view(), teacher=self.teacher())
                ask = partial(self.objective.constants, models)
                fill(job, ask, Path(folder), tell=lambda _done, _total: None, note=print)
            self.features = list(job.train)

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
    kind: Kind,
    *,
    labels: tuple[str, ...] = (),
    seed: int = 0,
    way: str = "float32",
    moves_base: bool = True,
    architecture: tiny.Architecture | None = None,
    **changes: Any,
) -> Bundle:
    """An untouched tiny model of the kind, opened as the workflow does for such a tuner.

    Args: architecture: None: the usual one of the kind.
    """
    dtype, prefer = WAYS[way]
    architecture = architecture or ("llama" if kind == "causal_lm" else "bert")
    writes = architecture not in ("bert", "roberta")
    model = tiny.headed(kind, architecture, labels=labels, seed=seed, **changes)
    tokenizer = tiny.tokenizer() if writes else tiny.word_tokenizer()
    if not moves_base:
        for parameter in model.parameters():
            parameter.data = parameter.data.to(dtype)
    trunk = build(model, kind, prefer=prefer, compute_dtype=dtype)
    source = Source("tiny", Path("tiny"), "0" * 64)
    return Bundle(model, kind, facts_of(model), codec_of(tokenizer), source, trunk, labels)


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
    config = learned.Config(**OBJECTIVE_SETTINGS.get(objective, {}))
    found = {key: value for key, (value, _) in resolved(learned, config, rows).items()}
    built = learned(config.model_copy(update=found))
    moved = tuners.get(tuner)
    kind = kind_of(objective)
    model = {**MODELS.get((tuner, kind), {}), **model}
    bundle = plain_bundle(
        kind, labels=labels_of(built), way=way, moves_base=moved.moves_base, **model
    )
    applied = moved(moved.Config(**{**SETTINGS.get(tuner, {}), **(settings or {})}))
    dtype, prefer = WAYS[way]
    bundle = attach(applied, bundle, seed=seed, frozen=dtype)
    bundle.trunk = build(bundle.model, bundle.kind, prefer=prefer, compute_dtype=dtype)
    bundle.model.train()
    features = [built.prepare(row, bundle.codec, index=n) for n, row in enumerate(rows)]
    made = Case(bundle, applied, built, rows, features, seed=seed, way=way, model=model)
    made.ask()
    return made


PAIRS = [(tuner, objective) for tuner in tuners.names() for objective in objectives.names()]
"""Every pair. What a pair must do, `test_pairs` asks of each."""


def kind_of(objective: str) -> Kind:
    """What the eight rows are learned with: they are texts."""
    return next(
        kind for kind in sorted(objectives.get(objective).kinds) if kind != "image_classifier"
    )


def _speakers() -> list[str]:
    """For every kind of model the first objective that trains it: a tuner knows no loss, so what
    holds with one objective of a kind holds with all."""
    first: dict[str, str] = {}
    for name in ("sft", "classify", *objectives.names()):
        first.setdefault(kind_of(name), name)
    return list(first.values())


SPEAKERS = _speakers()
TUNED = [
    (name, objective)
    for name, tuner in tuners.items()
    for objective in SPEAKERS
    if not lacks(tuner, kind_of(objective))
]
"""Every tuner with one objective of each kind of model."""
