"""The tokens that all prompts begin with."""

from __future__ import annotations

import numpy as np

from luthier.generation.prefix import shared_prefix


def ids(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def test_the_prefix_ends_where_the_first_prompt_differs() -> None:
    assert shared_prefix([ids(1, 2, 3, 4), ids(1, 2, 9, 4), ids(1, 2, 3)], at_least=1) == 2


def test_every_prompt_keeps_a_token_of_its_own() -> None:
    assert shared_prefix([ids(1, 2, 3), ids(1, 2, 3)], at_least=1) == 2


def test_one_prompt_and_short_prefixes_share_nothing() -> None:
    assert shared_prefix([ids(1, 2, 3)], at_least=1) == 0
    assert shared_prefix([ids(1, 2, 3), ids(1, 5, 3)], at_least=2) == 0
