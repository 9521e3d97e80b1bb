"""Drawing among the likeliest tokens, and saying which token ended an answer."""

from __future__ import annotations

import torch
from tests import tiny

from luthier.generation import generate
from luthier.generation.choose import generators_for, next_tokens, nucleus


def test_a_nucleus_keeps_the_fewest_tokens_that_hold_the_share() -> None:
    given = torch.tensor([[0.1, 0.5, 0.1, 0.3], [0.97, 0.01, 0.01, 0.01]])
    kept = nucleus(given, 0.7) > 0
    assert kept.tolist() == [[False, True, False, True], [True, False, False, False]]


def test_only_tokens_of_the_nucleus_are_drawn() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.1, 0.1]])).repeat(200, 1)
    settings = {"temperature": 1.0, "generators": generators_for(range(200), seed=1)}
    ids, logprobs = next_tokens(logits, **settings, top_p=0.7)
    assert set(ids.tolist()) == {0, 1}
    assert logprobs.exp().max() < 0.51  # the model's own, not those of the nucleus


def test_a_completion_says_which_token_ended_it() -> None:
    bundle = tiny.bundle()
    prompt = bundle.codec.encode("hello")
    first = int(generate(bundle, [prompt], max_new_tokens=1)[0].ids[0])
    bundle.codec.end_of_turn_ids = frozenset({first})
    found = generate(bundle, [prompt], max_new_tokens=4)[0]
    assert (found.finished, found.end_id, len(found.ids)) == (True, first, 0)


def test_tokens_are_drawn_as_often_as_the_model_says() -> None:
    shares = torch.tensor([0.1, 0.0, 0.6, 0.3])
    generators = generators_for(range(20_000), seed=0)
    logits = shares.log().repeat(20_000, 1)
    ids, _ = next_tokens(logits, temperature=1.0, generators=generators)
    found = torch.bincount(ids, minlength=4) / 20_000
    assert (found - shares).abs().max() < 0.012  # three deviations of a share of 0.6
    assert found[1] == 0
