"""The machine is described, its user is not."""

from __future__ import annotations

import getpass
import json
import platform
from pathlib import Path

import pytest

from luthier.run.environment import environment


def test_versions_and_processor_are_recorded() -> None:
    found = environment()
    assert found["versions"]["python"] == platform.python_version()
    assert "torch" in found["versions"]
    assert found["cpu"]["name"]
    assert found["memory_bytes"] > 0


def test_no_name_of_a_user_or_host_and_no_variable_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_SECRET", "s3cr3t-value")
    text = json.dumps(environment())
    assert "s3cr3t-value" not in text
    assert str(Path.home()) not in text
    assert f'"{getpass.getuser()}"' not in text
    assert f'"{platform.node()}"' not in text
