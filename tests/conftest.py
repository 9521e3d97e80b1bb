"""What every test has: the process that opens an export does not import everything once more."""

from __future__ import annotations

import pytest
from hypothesis import settings
from tests.journeys import forked

from luthier.export import _parity

settings.register_profile("unhurried", deadline=None)  # how long an example takes says nothing here
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def forked_gate(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of small runs save and reopen a model. tests/parity begins the process itself."""
    if "parity" not in request.path.parts:
        monkeypatch.setattr(_parity, "fresh_process", forked.module)
