"""A package of somebody else's that offers components, installed for the length of one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from luthier.objectives import objectives
from luthier.tuners import tuners

ENTRY_POINTS = """
[luthier.tuners]
top-layers = tests.contracts.others.top_layers:TopLayers
[luthier.objectives]
rivals = tests.contracts.others.rivals:Rivals
distant = tests.contracts.others.rivals:Distant
curious = tests.contracts.others.rivals:Curious
bare = tests.contracts.others.bare:Bare
"""


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tuner `top_layers` and objectives, as pip would have put them."""
    info = tmp_path / "site" / "others-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(info.parent))
    yield
    for registry in (tuners, objectives):  # what luthier itself filed in the meantime stays
        for name in ("top_layers", "rivals", "distant", "curious", "bare"):
            registry._found.pop(name, None)
