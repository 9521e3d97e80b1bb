"""Models that ask for more than the tokens of a text are refused in one sentence."""

from __future__ import annotations

import pytest
import torch
from transformers import T5Config, T5ForSequenceClassification, T5Model

from luthier.core.errors import ModelError
from luthier.models.bundle import Kind
from luthier.models.trunks import build

SMALL = T5Config(
    vocab_size=64, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0
)


@pytest.mark.parametrize(
    ("kind", "made"),
    [("sequence_classifier", T5ForSequenceClassification), ("embedder", T5Model)],
)
def test_a_model_with_a_decoder_that_has_to_be_fed_is_refused(
    kind: Kind, made: type[T5Model]
) -> None:
    torch.manual_seed(0)
    with pytest.raises(ModelError, match=rf"{made.__name__}: does not run on the tokens") as caught:
        build(made(SMALL).eval(), kind, compute_dtype=torch.float32)
    assert "Use a model with an encoder alone" in str(caught.value)
