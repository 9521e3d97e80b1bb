"""Every kind of bad input: one message, exit code 2, nothing begun, nothing lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from tests import tiny

from luthier.cli.main import run

PAIRS = [
    (f"Please say the number {number} for me.", f"The number is {number}, as you asked.")
    for number in range(40)
]


def chat_lines(**changes: object) -> list[str]:
    """Forty good conversations as JSON lines."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": user},
                {"role": "assistant", "content": answer, **changes},
            ]
        }
        for user, answer in PAIRS
    ]
    return [json.dumps(row) for row in rows]


def labelled(labels: list[str]) -> str:
    """A CSV of texts with the given labels, one text each."""
    lines = [f"text number {index} about {label},{label}" for index, label in enumerate(labels)]
    return "\n".join(["text,label", *lines]) + "\n"


@dataclass(frozen=True)
class Desk:
    """A working directory with a good model and a good file."""

    root: Path
    model: Path
    data: Path

    def write(self, name: str, content: str | bytes) -> str:
        path = self.root / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "model"
    tiny.folder(model)
    data = tmp_path / "good.jsonl"
    data.write_text("\n".join(chat_lines()) + "\n", encoding="utf-8")
    return Desk(tmp_path, model, data)


@dataclass(frozen=True)
class Case:
    """How to make the input, and what the message must say."""

    make: Callable[[Desk], list[str]]
    says: tuple[str, ...]
    settings: tuple[str, ...] = field(default=())


def file(name: str, content: str | bytes | Callable[[], str]) -> Callable[[Desk], list[str]]:
    def make(desk: Desk) -> list[str]:
        text = content() if callable(content) else content
        return [desk.write(name, text), "--model", str(desk.model)]

    return make


def good(*words: str) -> Callable[[Desk], list[str]]:
    return lambda desk: [str(desk.data), "--model", str(desk.model), *words]


def model(break_it: Callable[[Path], object]) -> Callable[[Desk], list[str]]:
    def make(desk: Desk) -> list[str]:
        break_it(desk.model)
        return [str(desk.data), "--model", str(desk.model)]

    return make


def cut_line_five() -> str:
    lines = chat_lines()
    lines[4] = lines[4][:30]
    return "\n".join(lines)


def with_role(role: str) -> str:
    lines = chat_lines()
    lines[17] = lines[17].replace('"assistant"', f'"{role}"')
    return "\n".join(lines)


def numeric_content() -> str:
    lines = chat_lines()
    lines[2] = json.dumps(
        {"messages": [{"role": "user", "content": 7}, {"role": "assistant", "content": "x"}]}
    )
    return "\n".join(lines)


def too_long() -> str:
    lines = chat_lines()
    long = [{"role": "user", "content": "word " * 3000}, {"role": "assistant", "content": "ok"}]
    lines[9] = json.dumps({"messages": long})
    return "\n".join(lines)


def half_and_half() -> bytes:
    lines = [line.replace("number", "Zahl für") for line in chat_lines()]
    raw = [json.dumps(json.loads(line), ensure_ascii=False) for line in lines]
    return b"\n".join(
        line.encode("utf-8" if index < 20 else "cp1252") for index, line in enumerate(raw)
    )


def spoil_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def only_pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def edit_config(**changes: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def without(pattern: str) -> Callable[[Path], object]:
    def remove(folder: Path) -> None:
        for path in folder.glob(pattern):
            path.unlink()

    return remove


def without_template(folder: Path) -> None:
    without("chat_template*")(folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    settings.pop("chat_template", None)
    path.write_text(json.dumps(settings))


CASES = {
    "no such file": Case(lambda d: ["goood.jsonl", "--model", str(d.model)], ("good.jsonl",)),
    "JSON cut on line 5": Case(file("a.jsonl", cut_line_five), ("a.jsonl", "line 5")),
    "unknown role": Case(file("a.jsonl", lambda: with_role("bot")), ("line 18", "'bot'", "roles")),
    "content is a number": Case(file("a.jsonl", numeric_content), ("line 3", "7")),
    "empty file": Case(file("a.jsonl", ""), ("a.jsonl", "empty")),
    "one row": Case(file("a.jsonl", lambda: chat_lines()[0]), ("1 usable row", "data.validation")),
    "all answers empty": Case(
        file("a.jsonl", lambda: "\n".join(chat_lines(content=""))), ("a.jsonl",)
    ),
    "all weights zero": Case(file("a.jsonl", lambda: "\n".join(chat_lines(weight=0))), ("weight",)),
    "row longer than the context": Case(
        file("a.jsonl", too_long), ("line 10", "on_overflow", "truncate_prompt")
    ),
    "half UTF-8, half cp1252": Case(file("a.jsonl", half_and_half), ("a.jsonl", "21")),
    "label seen only in test": Case(
        lambda d: [
            d.write("train.csv", labelled(["good", "bad"] * 20)),
            "--model",
            str(d.model),
            f"data.test={d.write('test.csv', labelled(['good', 'ugly'] * 8).replace('num', 'n'))}",
        ],
        ("ugly", "train"),
    ),
    "one class": Case(file("a.csv", labelled(["same"] * 40)), ("'same'", "two classes")),
    "mistyped key": Case(
        good("training.learning_rat=1e-4"), ("did you mean 'training.learning_rate'",)
    ),
    "value out of range": Case(good("training.learning_rate=-1"), ("learning_rate", "-1")),
    "rank 0": Case(good("tuner.name=lora", "tuner.rank=0"), ("rank", "0")),
    "rank above the matrix": Case(good("tuner.name=lora", "tuner.rank=4096"), ("4096",)),
    "target that matches nothing": Case(
        good("tuner.name=lora", "tuner.target=[q_prog]"), ("q_prog", "q_proj")
    ),
    "unknown objective": Case(good("--objective", "stf"), ("stf", "sft")),
    "unknown tuner": Case(good("--tuner", "lore"), ("lore", "lora")),
    "several problems at once": Case(
        good(
            *("training.learning_rat=1e-4", "training.epochs=-2", "tuner.rnk=4", "dat.train=x"),
            *("objective.train_onn=last", "tuner.dropout=2", "seed=-1"),
        ),
        (
            *("recipe training.learning_rat: ", "recipe training.epochs: ", "recipe tuner.rnk: "),
            *("recipe dat.train: ", "recipe objective.train_onn: ", "recipe tuner.dropout: "),
            "recipe seed: ",
        ),
    ),
    "model without tokenizer": Case(model(without("tokenizer*")), ("tokenizer",)),
    "model without template": Case(model(without_template), ("template", "plain")),
    "pickle weights only": Case(model(only_pickle), ("pickle", "save_pretrained")),
    "model with its own code": Case(
        model(edit_config(auto_map={"AutoModelForCausalLM": "code.Model"})), ("auto_map",)
    ),
    "truncated weights": Case(model(spoil_weights), ("model.safetensors",)),
    "no such model": Case(
        lambda d: [str(d.data), "--model", "nobody/nothing"], ("nobody/nothing",)
    ),
    "mistyped alias": Case(lambda d: [str(d.data), "--model", "smollm2-135"], ("smollm2-135m",)),
    "encoder asked to write": Case(
        lambda d: [str(d.data), "--model", str(tiny_bert(d)), "--objective", "sft"],
        ("one that writes text", "opens as sequence_classifier"),
    ),
    "folder as data": Case(lambda d: [str(d.model), "--model", str(d.model)], ("run",)),
}


def tiny_bert(desk: Desk) -> Path:
    tiny.folder(desk.root / "bert", architecture="bert")
    return desk.root / "bert"


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_answered_with_one_message_before_anything_begins(
    name: str, desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    case = CASES[name]
    words = [*case.make(desk), *case.settings]
    capfd.readouterr()
    code = run(["train", *words, "--out", str(desk.root / "out")])
    said = capfd.readouterr().err
    assert code == 2, said
    assert "Traceback" not in said
    for word in case.says:
        assert word in said, said
    assert not (desk.root / "out" / "adapter").exists()


def test_nine_rows_are_either_used_or_refused_with_advice(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    data = desk.write("nine.jsonl", "\n".join(chat_lines()[:9]))
    code = run(["plan", data, "--model", str(desk.model)])
    said = capfd.readouterr().err
    assert code == 0 or (code == 2 and "9 usable rows" in said), said


def test_json_output_holds_the_error_too(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    code = run(["train", "missing.jsonl", "--model", str(desk.model), "--json"])
    document = json.loads(capfd.readouterr().out)
    assert (code, document["error"]["exit_code"]) == (2, 2)


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("good.jsonl/run", "good.jsonl/run: cannot be written"),
        ("good.jsonl", "good.jsonl: cannot be written"),
        ("x" * 300, "file name too long"),
        ("used", "is no run and not empty (thesis.txt)"),
    ],
    ids=["below a file", "a file", "name too long", "somebody's folder"],
)
def test_a_run_directory_that_cannot_be_is_named(
    out: str, says: str, desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    desk.root.joinpath("used").mkdir()
    desk.write("used/thesis.txt", "mine")
    before = desk.data.read_bytes()
    code = run(["train", str(desk.data), "--model", str(desk.model), "--out", out, "--json"])
    found = capfd.readouterr()
    assert code == json.loads(found.out)["error"]["exit_code"] == 2, found.err
    assert says in found.err
    assert [path.name for path in (desk.root / "used").iterdir()] == ["thesis.txt"]
    assert desk.data.read_bytes() == before


def test_a_path_with_spaces_and_umlauts_works(desk: Desk) -> None:
    folder = desk.root / "Bücher und Töne"
    folder.mkdir()
    data = folder / "Anfragen für März.jsonl"
    shutil.copy(desk.data, data)
    out = folder / "mein Lauf"
    words = [str(data), "--model", str(desk.model), "--out", str(out)]
    settings = ["training.max_steps=2", "evaluation.max_new_tokens=4", "evaluation.retention=false"]
    assert run(["train", *words, *settings]) in (0, 1)
    assert (out / "report.html").is_file()
