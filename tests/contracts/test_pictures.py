"""Every tuner on a model of pictures: trained, saved, opened again and the same; or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests import pictures
from tests.contracts.cases import SETTINGS, Case

from luthier.core.errors import RecipeError
from luthier.core.events import Updated
from luthier.data.ledger import Ledger
from luthier.data.parse import Reading, parse_file
from luthier.engine.fit import fit
from luthier.engine.preflight import preflight
from luthier.models.load import open_model
from luthier.models.trunks import build
from luthier.objectives.classify import Classify, Config
from luthier.tuners import attach, tuners
from luthier.workflow.check import lacks, refuse_kind

LABELS = tuple(pictures.COLOURS)
REFUSED = {("lora", "resnet"), ("qlora", "resnet"), ("ia3", "resnet"), ("ia3", "vit")}
"""It depends on the layers, which only the model shows: convolutions are not adapted, and which
layers of a ViT to scale has to be said."""


def case(
    tuner: str,
    folder: Path,
    data: Path,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Case:
    """Six pictures, and a tiny model with the tuner's parts."""
    moved = tuners.get(tuner)
    objective = Classify(
        Config(labels=list(LABELS), augmentation=["flip", "shift", "contrast", "crop", "colour"])
    )
    bundle = open_model(
        str(folder),
        kinds=objective.kinds,
        labels=LABELS,
        dtype=dtype,
        trained_weights=moved.moves_base,
    )
    applied = moved(moved.Config(**SETTINGS.get(tuner, {})))
    bundle = attach(applied, bundle, seed=seed, frozen=dtype)
    bundle.trunk = build(bundle.model, bundle.kind, compute_dtype=dtype)
    rows = parse_file(str(data), Reading(), Ledger()).rows
    features = [objective.prepare(row, bundle.codec, index=n) for n, row in enumerate(rows)]
    return Case(bundle, applied, objective, rows, features, seed=seed)


def tried(tuner: str, folder: Path, data: Path) -> Case | RecipeError:
    try:
        return case(tuner, folder, data)
    except RecipeError as refusal:
        return refusal


def scores(found: Case) -> torch.Tensor:
    found.bundle.model.eval()
    with torch.no_grad():
        return found.bundle.trunk.scores(found.objective.collate(found.features))


@pytest.mark.parametrize("kind", ["vit", "resnet"])
@pytest.mark.parametrize("tuner", tuners.names())
def test_a_tuner_learns_pictures_or_is_refused(tuner: str, kind: str, tmp_path: Path) -> None:
    folder = pictures.model(tmp_path / "model", kind)
    data = pictures.folder(tmp_path / "all", per_class=2)
    moved = tuners.get(tuner)
    if lacks(moved, "image_classifier"):
        with pytest.raises(RecipeError, match="has nothing to train"):
            refuse_kind(moved, "image_classifier", names=("classify", tuner))
        return
    found = tried(tuner, folder, data)
    assert isinstance(found, RecipeError) == ((tuner, kind) in REFUSED)
    if isinstance(found, RecipeError):
        assert f"tuner '{tuner}'" in str(found) or "recipe tuner." in str(found)
        assert "Use tuner" in str(found) or "tuner.target" in str(found)
        return
    events = found.fit(tmp_path, max_steps=3, evaluate_every=2, save_every=2)
    assert sum(isinstance(event, Updated) for event in events) == 3
    state = {name: t.clone() for name, t in found.tuner.state(found.bundle.model).items()}
    other = case(tuner, folder, data, seed=1)
    other.tuner.restore(other.bundle.model, state)
    assert torch.equal(scores(other), scores(found))


@pytest.mark.parametrize("kind", ["vit", "resnet"])
@pytest.mark.parametrize("tuner", ["full", "head", "last_layers", "norms", "bitfit"])
def test_pictures_are_learned_with_short_products_and_scored_alike(
    tuner: str, kind: str, tmp_path: Path
) -> None:
    folder = pictures.model(tmp_path / "model", kind)
    data = pictures.folder(tmp_path / "all", per_class=2)
    exact, short = (
        case(tuner, folder, data, dtype=dtype) for dtype in (torch.float32, torch.bfloat16)
    )
    spread = scores(exact).std()
    # bfloat16 rounds every product to 8 bits; a handful of layers adds that up to some percent
    assert (scores(short) - scores(exact)).abs().max() < 0.1 * spread
    events = short.fit(tmp_path, max_steps=2)
    assert sum(isinstance(event, Updated) for event in events) == 2


def test_pictures_are_changed_in_training_and_shown_as_they_are_in_validation(
    tmp_path: Path,
) -> None:
    folder = pictures.model(tmp_path / "model", "vit")  # it has no dropout
    found = case("full", folder, pictures.folder(tmp_path / "all", per_class=2))
    plain = Classify(Config(labels=list(LABELS)))
    batch = found.objective.collate(found.features)

    def losses(*, trains: bool) -> list[float]:
        found.bundle.model.train(trains)
        torch.manual_seed(0)
        with torch.no_grad():
            return [float(item.loss(found.roles(), batch).sum) for item in (plain, found.objective)]

    one, other = losses(trains=True)
    assert one != other
    one, other = losses(trains=False)
    assert one == other


def test_the_pre_flight_leaves_running_statistics_as_they_were(tmp_path: Path) -> None:
    folder = pictures.model(tmp_path / "model", "resnet")
    found = case("full", folder, pictures.folder(tmp_path / "all", per_class=2))
    job = found.job(tmp_path / "run")
    before = {name: value.clone() for name, value in found.bundle.model.state_dict().items()}
    preflight(job)
    after = found.bundle.model.state_dict()
    assert any(name.endswith("running_mean") for name in before)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    list(fit(job))
    assert any(
        not torch.equal(after[name], value)
        for name, value in before.items()
        if name.endswith("running_mean")
    )
