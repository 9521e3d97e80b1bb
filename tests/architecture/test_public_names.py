"""What users import stays what it is: a change here is a change of the public surface."""

from __future__ import annotations

from pathlib import Path

import luthier
from luthier.cli.table import COMMANDS

FROZEN = Path(__file__).with_name("public_names.txt")


def test_the_public_names_are_the_frozen_ones() -> None:
    now = [f"luthier.{name}" for name in sorted(luthier.__all__)]
    now += [f"$ luthier {name}" for name in sorted(COMMANDS)]
    assert now == FROZEN.read_text().splitlines()


def test_every_public_name_can_be_had() -> None:
    for name in luthier.__all__:
        assert getattr(luthier, name) is not None
