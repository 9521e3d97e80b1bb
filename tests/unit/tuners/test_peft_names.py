"""Names that PEFT has for what is saved whole."""

from __future__ import annotations

from tests import tiny

from luthier.tuners._peft import saved_whole


def test_a_head_of_several_layers_is_named_as_one() -> None:
    model = tiny.classifier("roberta")
    names = [name for name, _ in model.named_parameters() if name.startswith("classifier.")]
    assert len(names) == 4
    assert saved_whole(model, names) == ["classifier"]


def test_a_pooler_keeps_the_name_of_its_trunk() -> None:
    model = tiny.classifier("bert")
    names = ["bert.pooler.dense.weight", "classifier.bias"]
    assert saved_whole(model, names) == ["bert.pooler", "classifier"]
