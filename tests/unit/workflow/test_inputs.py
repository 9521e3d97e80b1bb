"""What training starts from: rows shown and proved as they are trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests import tiny

from luthier.core.errors import MaskError, RecipeError
from luthier.data.rows import Message, Origin, Rated
from luthier.models.codec import TemplateCodec
from luthier.objectives.classify import Classify
from luthier.objectives.kto import Config as KtoConfig
from luthier.objectives.kto import Kto
from luthier.recipe.load import read
from luthier.recipe.resolve import Settled
from luthier.workflow.inputs import Inputs, gather
from luthier.workflow.samples import samples
from luthier.workflow.stages import Stages, silent

TWO_ANSWERS = [
    {"role": "user", "content": "question"},
    {"role": "assistant", "content": "first"},
    {"role": "user", "content": "more"},
    {"role": "assistant", "content": "last"},
]


def gathered(
    root: Path,
    *settings: str,
    template: str | None = tiny.CHATML,
    stages: Stages | None = None,
) -> Inputs:
    """Forty conversations with two answers each, ready for training."""
    tiny.folder(root / "model", template=template)
    lines = []
    for number in range(40):
        turns = [{**turn, "content": f"{turn['content']} {number:02}"} for turn in TWO_ANSWERS]
        lines.append(json.dumps({"messages": turns}))
    (root / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    request = {"model": str(root / "model"), "data": {"train": str(root / "rows.jsonl")}}
    return gather(Settled(*read(request, settings)), stages or Stages(silent))


def trained(sample: dict[str, Any]) -> list[str]:
    """The text of each trained piece, numbers left out."""
    return [
        "".join(c for c in piece["text"] if not c.isdigit()).strip()
        for piece in sample["pieces"]
        if piece["trained"]
    ]


def test_samples_show_every_answer_as_trained(tmp_path: Path) -> None:
    inputs = gathered(tmp_path)
    for sample in inputs.samples:
        assert trained(sample) == ["first <|im_end|>", "last <|im_end|>"]


def test_a_sample_of_a_bad_answer_says_that_it_is_bad() -> None:
    turns = (Message("user", "what"), Message("assistant", "no"))
    row = Rated(origin=Origin("thumbs.jsonl", 1), messages=turns, is_good=False)
    codec = tiny.bundle().codec
    features = Kto(KtoConfig(good_weight=1.0, bad_weight=1.0)).prepare(row, codec, index=0)
    [shown] = samples([features], [row], codec)
    last = shown["pieces"][-1]
    assert (last["text"], last["role"], last["trained"]) == ("bad", "label", False)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (["tuner.name=lora", "tuner.target=[q_prj]"], "'q_prj' names no linear layer"),
        (["tuner.name=lora", "tuner.rank=4096"], "rank"),
        (["tuner.name=lora", "tuner.target=best:999"], "best:999, but there are"),
        (["tuner.name=last_layers", "tuner.num_layers=99"], "99, but the model has"),
        (["tuner.name=last_layers", "tuner.modules=[nrom]"], "'nrom' names nothing"),
        (["tuner.name=adapter", "tuner.reduction_factor=9999"], "9999, but the model is"),
        (["tuner.name=ia3", "tuner.target=[nope]", "tuner.feedforward=[nope]"], "'nope' names no"),
        (["tuner.name=bitfit"], "has none"),
    ],
)
def test_settings_that_do_not_fit_the_model_are_refused_before_its_weights_are_read(
    settings: list[str], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=problem):
        gathered(tmp_path, *settings)


def test_samples_of_train_on_last_show_the_first_answer_as_read(tmp_path: Path) -> None:
    inputs = gathered(tmp_path, "objective.train_on=last")
    for sample in inputs.samples:
        assert trained(sample) == ["last <|im_end|>"]
        assert "first" in sample["pieces"][0]["text"]


def test_samples_of_a_model_without_template_tell_questions_from_answers(tmp_path: Path) -> None:
    inputs = gathered(tmp_path, "objective.template=plain", template=None)
    for sample in inputs.samples:
        assert trained(sample) == ["first <|endoftext|>", "last <|endoftext|>"]


def test_samples_of_rows_that_are_cut_are_cut(tmp_path: Path) -> None:
    whole = gathered(tmp_path).features["train"][0].num_tokens
    inputs = gathered(
        tmp_path, f"training.max_length={whole - 2}", "data.on_overflow=truncate_tail"
    )
    for sample in inputs.samples:
        assert trained(sample) == ["first <|im_end|>", "last"]


@pytest.mark.parametrize(
    ("policy", "done"), [("truncate_tail", "cut at the end"), ("split", "cut into pieces")]
)
def test_rows_that_are_cut_are_said(tmp_path: Path, policy: str, done: str) -> None:
    whole = gathered(tmp_path).learned("train")[0].num_tokens
    stages = Stages(silent)
    settings = (f"training.max_length={whole - 2}", f"data.on_overflow={policy}")
    inputs = gathered(tmp_path, *settings, stages=stages)
    for split in ("train", "validation", "test"):
        number = len(inputs.rows(split))
        verb = "is" if number == 1 else "are"
        said = [note for note in stages.notes if note.startswith(f"{split}: {number} of {number}")]
        assert len(said) == 1
        assert f"rows {verb} longer than {whole - 2} tokens" in said[0]
        assert f"and {done} (data.on_overflow: {policy}), such as " in said[0]


def test_rows_that_are_left_out_as_too_long_are_said(tmp_path: Path) -> None:
    stages = Stages(silent)
    gathered(tmp_path)
    with (tmp_path / "rows.jsonl").open("a", encoding="utf-8") as file:
        long = [{**turn, "content": turn["content"] * 9} for turn in TWO_ANSWERS]
        file.write("\n" + json.dumps({"messages": long}))
    request = {"model": str(tmp_path / "model"), "data": {"train": str(tmp_path / "rows.jsonl")}}
    settings = ["training.max_length=100", "data.on_overflow=drop"]
    inputs = gather(Settled(*read(request, settings)), stages)
    entry = inputs.loaded.ledger.dropped["longer than training.max_length"]
    said = [note for note in stages.notes if "longer than 100 tokens" in note]
    assert len(said) == entry.count == 1
    assert "1 of " in said[0]
    assert f"and left out (data.on_overflow: drop), such as {entry.examples[0]}" in said[0]


def test_settings_that_the_chosen_tuner_does_not_take_are_refused_before_rows_are_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.folder(tmp_path / "model", architecture="bert")
    rows = [f"{word} {n},{word}" for n in range(20) for word in ("good", "bad")]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    request = {"model": str(tmp_path / "model"), "data": {"train": str(tmp_path / "rows.csv")}}
    monkeypatch.delattr(Classify, "prepare")
    with pytest.raises(RecipeError, match=r"recipe tuner\.rank: unknown key"):
        gather(Settled(*read(request, ["tuner.rank=8"])), Stages(silent))


@pytest.mark.parametrize(
    ("settings", "template"),
    [
        ([], tiny.CHATML),
        (["objective.train_on=last"], tiny.CHATML),
        (["objective.template=plain"], tiny.CHATML),
        (["objective.template=plain"], None),
    ],
    ids=["template", "last answer", "plain", "plain, no template"],
)
def test_what_is_trained_is_proved_whatever_the_objective_makes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: list[str], template: str | None
) -> None:
    render = TemplateCodec.render

    def greedy(codec: TemplateCodec, row: Any) -> Any:
        """Trains the last token of the last prompt too."""
        rendered = render(codec, row)
        last = [part for part in rendered.segments if part.trained][-1]
        rendered.loss_weights[last.start - 1] = 1.0
        return rendered

    monkeypatch.setattr(TemplateCodec, "render", greedy)
    with pytest.raises(MaskError, match=r"rows.jsonl line \d+: "):
        gathered(tmp_path, "objective.name=sft", *settings, template=template)


def asked(root: Path, *settings: str) -> Inputs:
    """Thirty questions about long texts, each answered near the end of its text."""
    tiny.folder(root / "model", architecture="bert")
    lines = []
    for number in range(30):
        context = f"{'one two three ' * 20}red {number:02}"
        answers = {"text": [f"{number:02}"], "answer_start": [len(context) - 2]}
        lines.append(json.dumps({"question": "what", "context": context, "answers": answers}))
    (root / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    request = {"model": str(root / "model"), "data": {"train": str(root / "rows.jsonl")}}
    return gather(Settled(*read({**request, "objective": "qa"}, settings)), Stages(silent))


def test_windows_fit_the_rows_and_none_is_cut(tmp_path: Path) -> None:
    limits = ("training.max_length=40", "data.on_overflow=truncate_tail")
    inputs = asked(tmp_path, *limits)
    for item in inputs.features["train"]:
        assert max(item.lengths) <= 40
        assert item.cut_tokens == 0
        assert item.per_token["marks"].any()
    with pytest.raises(RecipeError, match=r"objective.window: .* up to 48 tokens.*window=40 at mo"):
        asked(tmp_path, *limits, "objective.window=48")


QUESTION = [{"role": "user", "content": "what"}]
BARE: dict[str, dict[str, Any]] = {
    "sft": {"messages": [*QUESTION, {"role": "assistant", "content": "this"}]},
    "dpo": {"prompt": "what", "chosen": "this", "rejected": "that"},
    "kto": {"prompt": "what", "completion": "this", "label": True},
    "grpo": {"prompt": "what", "answer": "this"},
}


@pytest.mark.parametrize("objective", BARE)
def test_a_model_without_a_template_is_refused_with_what_the_objective_can_do(
    objective: str, tmp_path: Path
) -> None:
    tiny.folder(tmp_path / "model", template=None)
    line = json.dumps(BARE[objective])
    lines = [line.replace("what", f"what {n}") + "\n" for n in range(40)]
    lines[::2] = [one.replace("true", "false") for one in lines[::2]]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(lines))
    request = {"model": str(tmp_path / "model"), "data": {"train": str(path)}}
    settings = [f"objective={objective}"]
    settings += ["objective.grader=exact"] if objective == "grpo" else []
    with pytest.raises(RecipeError, match="has no chat template, and the rows of objective") as one:
        gather(Settled(*read(request, settings)), Stages(silent))
    assert ("set objective.template=plain" in str(one.value)) == (objective != "grpo")
    assert "Use an instruct model" in str(one.value)


def test_a_source_beside_may_be_read_as_plain_text(tmp_path: Path) -> None:
    tiny.folder(tmp_path / "model", template=None)
    texts, talks = tmp_path / "texts.jsonl", tmp_path / "talks.jsonl"
    texts.write_text("".join(json.dumps({"text": f"one {n}"}) + "\n" for n in range(40)))
    line = json.dumps(BARE["sft"])
    talks.write_text("".join(line.replace("what", f"what {n}") + "\n" for n in range(4)))
    beside = {"train": str(talks), "objective": {"name": "sft", "template": "plain"}}
    data = {"train": str(texts), "mixture": [beside]}
    request = {"model": str(tmp_path / "model"), "data": data, "objective": "lm"}
    found = gather(Settled(*read(request, [])), Stages(silent))
    assert all(item.num_trained for item in found.mixture[0].features)
