"""Threads are set once, and never against the user."""

from __future__ import annotations

import os

import pytest

from luthier.engine import runtime


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "unset")  # so that whatever is set is taken back
        monkeypatch.delenv(name)


def test_every_usable_core_computes() -> None:
    runtime.prepare()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert os.environ["OMP_NUM_THREADS"] == str(usable)


def test_the_users_number_holds_for_every_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert "threads: 7" in runtime.prepare()
    assert os.environ["MKL_NUM_THREADS"] == "7"
