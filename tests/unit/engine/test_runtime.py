"""Threads are set once, and never against the user."""

from __future__ import annotations

import os

import pytest

from luthier.engine import runtime

ONEDNN, IDEEP = "ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_ours", set())
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", ONEDNN, IDEEP):
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


@pytest.mark.parametrize(("decoder", "kept"), [(True, "64"), (False, "256")])
def test_an_encoder_keeps_more_kernels(decoder: bool, kept: str) -> None:
    runtime.prepare()
    runtime.keep_kernels(decoder=decoder)
    assert (os.environ[ONEDNN], os.environ[IDEEP]) == (kept, kept)


def test_kernels_that_the_user_counted_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ONEDNN, "64")
    runtime.prepare()
    runtime.keep_kernels(decoder=False)
    assert (os.environ[ONEDNN], os.environ[IDEEP]) == ("64", "256")


def test_a_process_that_was_not_prepared_is_left_alone() -> None:
    runtime.keep_kernels(decoder=False)
    assert ONEDNN not in os.environ
