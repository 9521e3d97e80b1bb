"""A finished run as an object: its documents, its model, its predictions."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from luthier.core.errors import RunError
from luthier.data.asked import rows_of
from luthier.evaluation.predict import predict
from luthier.evaluation.subject import Subject
from luthier.export import run_load
from luthier.models.bundle import Bundle
from luthier.models.sources import fetch
from luthier.objectives import Objective, objectives, others_of
from luthier.recipe.resolve import Settled
from luthier.recipe.schema import Recipe
from luthier.run.layout import Layout
from luthier.run.reader import RunFiles, open_run
from luthier.tuners import Tuner, tuners
from luthier.workflow.built import open_component
from luthier.workflow.opening import build_trunk, cut_of, open_base, open_for, open_weights, tune
from luthier.workflow.others import view_of


@dataclass(frozen=True)
class Run:
    """A run directory. Files are read anew at each access; the model is opened on first use.

    Example: run = luthier.open_run("runs/demo"); run.predict([{"text": "Where is my order?"}])
    """

    path: Path

    @property
    def layout(self) -> Layout:
        return Layout(self.path)

    @property
    def files(self) -> RunFiles:
        """Raises: RunError: not a run directory, or a broken one."""
        return open_run(self.path)

    @property
    def summary(self) -> dict[str, Any]:
        return dict(self.files.summary or {})

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """The content of evaluation.json, or None before the evaluation."""
        return self.files.evaluation

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe: every value concrete.

        Raises: RunError: the run was never planned. RecipeError: every value that is not valid.
        """
        resolved = self.files.resolved
        if resolved is None:
            raise RunError(f"{self.path}: no resolved.yaml; the run stopped before it was planned.")
        try:
            return Recipe.model_validate(resolved.get("recipe"))
        except ValidationError:
            return Settled.of_document(resolved).recipe()  # says what is wrong, key by key

    @cached_property
    def objective(self) -> Objective:
        kind = objectives.get(self.recipe.objective["name"])
        return open_component(kind, Settled(self.recipe, {}), "objective")

    @cached_property
    def tuner(self) -> Tuner:
        kind = tuners.get(self.recipe.tuner["name"])
        return open_component(kind, Settled(self.recipe, {}), "tuner")

    @cached_property
    def bundle(self) -> Bundle:
        """The tuned model, ready to use."""
        return open_tuned(self)

    def open_base(self) -> Bundle:
        """The model as it was before tuning."""
        return open_base(self.recipe, self.objective)

    @contextmanager
    def reference(self) -> Generator[Bundle]:
        """What it was trained against: a model that its objective names, or its base."""
        named = others_of(self.objective).get("reference")
        subject = Subject(
            self.bundle, self.tuner, self.objective, (), (), self.recipe.seed, self.open_base
        )
        if named is not None:
            subject.reference = view_of(fetch(named.model), self.recipe, [])
        with subject.compared_with() as other:
            yield other

    def predict(self, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answers for rows shaped as in the training file (targets may be missing), in order.

        Returns: {"answer"} for generated text; {"label", "probabilities"} for classes.
        Raises: DataError: a row lacks its input.
        """
        parsed = rows_of(rows, self.recipe.data, wants=self.objective.row.shape())
        return predict(self.bundle, self.objective, parsed, reference=self.reference)

    def check_trained(self) -> None:
        """Raises: RunError: there is no trained model yet."""
        if not self.layout.is_trained:
            raise RunError(
                f"{self.path}: nothing was trained yet. Continue it: luthier train {self.path}"
            )


def open_tuned(run: Run) -> Bundle:
    """Base plus adapter, or the tuned model itself, with the trunk the recipe asks for."""
    layout, recipe = run.layout, run.recipe
    run.check_trained()
    if layout.model.is_dir():
        bundle = open_for(run.objective, str(layout.model), recipe, dtype=torch.float32)
        bundle.trunk = build_trunk(recipe, bundle)
    else:
        bundle = tune(recipe, run.tuner, open_weights(recipe, run.objective), trains=False)
        run_load(bundle, run.tuner, format=run.tuner.saved_as, folder=layout.adapter)
    if recipe.objective.get("template") == "plain":
        bundle.codec = bundle.codec.plain()
    bundle.cut = cut_of(Settled.of_document(run.files.resolved or {}))
    bundle.model.eval()
    return bundle
