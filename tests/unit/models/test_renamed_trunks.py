"""A decoder's files open as a question answerer with their own weights, and stay so when saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tests import tiny
from transformers import AutoModelForCausalLM, AutoModelForQuestionAnswering

from luthier.models.kinds import renamed
from luthier.models.load import open_model


def test_a_decoder_becomes_a_question_answerer_with_its_own_trunk(tmp_path: Path) -> None:
    folder = tiny.folder(tmp_path / "model")
    bundle = open_model(
        str(folder),
        kinds=frozenset({"question_answerer"}),
        labels=("start", "end"),
        dtype=torch.float32,
    )
    files = AutoModelForCausalLM.from_pretrained(folder).model.state_dict()
    model: Any = bundle.model
    ours = dict(model.base_model.state_dict())
    assert files.keys() == ours.keys()
    assert all(torch.equal(files[name], ours[name]) for name in files)
    model.save_pretrained(tmp_path / "saved")
    again = AutoModelForQuestionAnswering.from_pretrained(tmp_path / "saved")
    saved = dict(model.state_dict())
    assert all(torch.equal(tensor, saved[name]) for name, tensor in again.state_dict().items())


def test_nothing_is_renamed_where_trunks_have_one_name() -> None:
    assert renamed("token_classifier", "llama") == {}
    assert renamed("question_answerer", "bert") == {}
    assert renamed("question_answerer", "llama") == {"key_mapping": {r"^model\.": "transformer."}}
