"""Numbers agree with their nouns."""

from __future__ import annotations

from luthier.core.counted import counted


def test_one_is_one_and_others_are_many() -> None:
    assert counted(1, "row") == "1 row"
    assert counted(0, "row") == "0 rows"
    assert counted(1200, "row") == "1,200 rows"
    assert counted(2, "class", "classes") == "2 classes"
