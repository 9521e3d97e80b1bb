"""Questions with answers made from documents by a model behind HTTP, screened and asked anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import tiny
from tests.endpoint import Server, serving, written

from luthier.cli.main import run
from luthier.data.load import load
from luthier.recipe.schema import DataSection
from luthier.workflow import synth, teacher

PASSAGES = {
    "returns.md": "# Returns\n\nA guitar can be sent back within 30 days of delivery. The buyer "
    "pays for the parcel. Strings that were opened are not taken back, whatever the reason may be.",
    "shipping.md": "# Shipping\n\nParcels to Norway leave the warehouse in Malmö every Tuesday. An "
    "insured parcel costs 12 euros, and one that weighs more than 20 kilograms is not accepted.",
}
GOOD = [
    ("Within how many days can a guitar be sent back?", "Within 30 days of delivery"),
    ("Where do parcels to Norway leave from?", "The warehouse in Malmö"),
]
BAD = {
    "length": ("Guitars?", "30 days"),
    "self_contained": ("According to the passage, who pays for the parcel?", "The buyer"),
    "given_away": ("Is it the buyer who pays for the parcel back?", "the buyer"),
    "grounded": ("How long can a used guitar be sent back?", "45 days"),
    "round_trip": ("Which strings of a guitar are not taken back?", "Opened strings"),
    "near_duplicates": ("Within how many days can a guitar be sent back??", "30 days"),
}


class Model:
    """Writes the pairs of each passage, and answers questions with what it is told to."""

    def __init__(self) -> None:
        self.pairs: dict[str, list[tuple[str, str]]] = {"Returns": [GOOD[0]], "Shipping": [GOOD[1]]}
        self.anew = {question: answer for question, answer in [*GOOD, *BAD.values()]}
        self.replies: dict[str, str] = {}

    def __call__(self, asked: str) -> str:
        name = next(name for name in self.pairs if f"# {name}" in asked)
        if "JSON array" not in asked:
            return self.anew[asked.rpartition("Question: ")[2]]
        pairs = [{"question": one, "answer": other} for one, other in self.pairs[name]]
        return self.replies.get(name, f"Here they are:\n```json\n{json.dumps(pairs)}\n```\nDone!")


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving(monkeypatch) as address:
        yield address


@pytest.fixture
def model(url: str) -> Model:
    del url
    found = Model()
    Server.script.append(found)
    Server.models.append("big")
    return found


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    folder = tmp_path / "handbook"
    folder.mkdir()
    for name, text in PASSAGES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def synthesize(
    words: list[Any], capfd: pytest.CaptureFixture[str], *, code: int = 0
) -> dict[str, Any]:
    assert run(["data", "synth", *map(str, words), "--json"]) == code
    return json.loads(capfd.readouterr().out)


def test_good_pairs_are_kept_with_the_passage_that_they_come_from(
    handbook: Path, url: str, model: Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    del model
    out = tmp_path / "out"
    found = synthesize([handbook, "--by", url, "--output", out], capfd)
    rows = written(out / "train.jsonl")
    assert [tuple(turn["content"] for turn in row["messages"]) for row in rows] == GOOD
    assert [Path(row["source"]).name for row in rows] == ["returns.md", "shipping.md"]
    assert [row["passage"] for row in rows] == list(PASSAGES.values())
    assert found["by"]["model"] == "big"
    assert found["passages"] == {"read": 2, "asked": 2, "without_pairs": {}}
    assert found["pairs"] == {"asked": 6, "made": 2, "unwritten": 4, "kept": 2, "rejected": {}}
    assert {**json.loads((out / "ledger.json").read_text()), "folder": str(out)} == found
    assert written(out / "rejected.jsonl") == []
    assert not (tmp_path / "out.part").exists()


def test_the_question_is_asked_anew_without_its_answer(
    handbook: Path, url: str, model: Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model.pairs["Returns"] = [("Who covers the cost of the parcel?", "It is the buyer")]
    model.anew["Who covers the cost of the parcel?"] = "the buyer."
    found = synthesize([handbook, "--by", url, "--output", tmp_path / "out"], capfd)
    assert found["pairs"]["kept"] == 2
    asked = [heard["messages"][-1]["content"] for heard in Server.heard]
    [anew] = [text for text in asked if "Who covers" in text]
    assert "It is the buyer" not in anew
    assert PASSAGES["returns.md"] in anew


@pytest.mark.parametrize("why", BAD)
def test_a_bad_pair_is_left_out_under_its_reason(
    why: str,
    handbook: Path,
    url: str,
    model: Model,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    model.pairs["Returns"] += [BAD[why]]
    model.anew[BAD["round_trip"][0]] = "Those that are too old"
    out = tmp_path / "out"
    found = synthesize([handbook, "--by", url, "--output", out], capfd)
    assert found["pairs"] == {
        "asked": 6,
        "made": 3,
        "unwritten": 3,
        "kept": 2,
        "rejected": {why: 1},
    }
    [line] = written(out / "rejected.jsonl")
    assert (line["why"], line["question"], line["answer"]) == (why, *BAD[why])
    assert line["told"]
    assert line["passage"] == PASSAGES["returns.md"]


@pytest.mark.parametrize(
    ("why", "reply"),
    [
        ("declined", "I'm sorry, but I cannot help with that."),
        ("malformed", "1. Who pays for it? The buyer."),
        ("malformed", "{" * 5000),
        ("malformed", '[{"question": ["Who pays?"], "answer": {"text": "x"}}]'),
        ("empty", " "),
    ],
)
def test_a_reply_without_pairs_is_counted_by_what_it_is(
    why: str,
    reply: str,
    handbook: Path,
    url: str,
    model: Model,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    model.replies["Returns"] = reply
    out = tmp_path / "out"
    found = synthesize([handbook, "--by", url, "--output", out], capfd)
    assert found["passages"]["without_pairs"] == {why: 1}
    assert found["pairs"]["kept"] == 1
    [line] = written(out / "rejected.jsonl")
    assert (line["why"], line["reply"]) == (why, reply)


def test_pairs_before_a_torn_end_are_read(
    handbook: Path, url: str, model: Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = json.dumps({"Question": GOOD[0][0], "Answer": GOOD[0][1]})
    model.replies["Returns"] = f'Sure. {{"pairs": [{first}, {{"question": "Who pa'
    found = synthesize([handbook, "--by", url, "--output", tmp_path / "out"], capfd)
    assert found["pairs"]["kept"] == 2


def test_a_passage_that_is_refused_is_counted_and_all_of_them_are_an_error(
    handbook: Path, url: str, model: Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    del model
    out = tmp_path / "out"
    words = [handbook, "--by", url, "--output", out]
    asked = _asked_of(words, capfd, tmp_path / "first")
    Server.refusals |= {asked[0]: [400]}
    assert synthesize(words, capfd)["passages"]["without_pairs"] == {"refused": 1}
    Server.refusals |= {text: [400] for text in asked}
    words[-1] = tmp_path / "more"
    message = synthesize(words, capfd, code=2)["error"]["message"]
    assert "refused all 2 passages, so nothing was written: 400" in message
    assert not (tmp_path / "more").exists()


def _asked_of(words: list[Any], capfd: pytest.CaptureFixture[str], out: Path) -> list[str]:
    """What the model is asked for pairs with."""
    synthesize([*words[:-1], out], capfd)
    asked = [heard["messages"][-1]["content"] for heard in Server.heard]
    return [text for text in asked if "JSON array" in text]


def test_the_same_command_after_a_stop_asks_nothing_twice(
    handbook: Path,
    url: str,
    model: Model,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del model
    monkeypatch.setattr(teacher, "AT_ONCE", 1)
    out = tmp_path / "out"
    words = [handbook, "--by", url, "--output", out]
    asked = _asked_of(words, capfd, tmp_path / "first")
    Server.refusals |= {asked[1]: [500] * 3}
    Server.heard.clear()
    message = synthesize(words, capfd, code=2)["error"]["message"]
    assert "1 answer is kept in" in message
    assert not out.exists()
    assert not list(tmp_path.glob(".out*"))
    before = len(Server.heard)
    Server.refusals.clear()
    assert synthesize(words, capfd)["pairs"]["kept"] == 2
    later = [heard["messages"][-1]["content"] for heard in Server.heard[before:]]
    assert len(later) == 3  # the other passage, and a question of each
    assert asked[0] not in later


def test_no_more_pairs_are_kept_and_asked_for_than_wanted(
    tmp_path: Path,
    url: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(20):
        text = f"# Guitar {number}\n\n{'It has a neck of maple and a body of ash. ' * 4}"
        (folder / f"{number}.md").write_text(f"{text} Its price is {number}00 euros.")
    Server.script.append(_priced)
    words = [folder, "--by", url, "--model", "big", "--most", 3, "--per-chunk", 1]
    found = synthesize([*words, "--output", tmp_path / "out"], capfd)
    assert (found["passages"]["asked"], found["pairs"]["kept"]) == (synth.AT_ONCE, 3)
    assert found["pairs"]["rejected"] == {"enough": 1}


def _priced(asked: str) -> str:
    number = asked.partition("# Guitar ")[2].split()[0]
    if "JSON array" not in asked:
        return f"{number}00 euros"
    words = ("price", "cost", "sum", "amount", "bill")
    question = f"{words[int(number) % 5]} {number * 5} of number {number * 7}, the guitar?"
    return json.dumps([{"question": question, "answer": f"{number}00 euros"}])


def test_pairs_of_one_passage_stay_together_when_they_are_split(
    tmp_path: Path, url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(12):
        text = f"# Guitar {number}\n\n{'It has a neck of maple and a body of ash. ' * 4}"
        (folder / f"{number}.md").write_text(f"{text} Its price is {number}00 euros.")
    Server.script.append(_priced)
    out = tmp_path / "out"
    found = synthesize([folder, "--by", url, "--model", "big", "--output", out], capfd)
    assert "data.group_by=group" in found["use"][0]
    splits = load(DataSection(train=str(out / "train.jsonl"), group_by="group"), seed=0).splits
    kept = found["pairs"]["kept"]
    assert len(splits.train) + len(splits.validation) + len(splits.test) == kept
    assert len({row["group"] for row in written(out / "train.jsonl")}) == kept


def test_tasks_with_responses_are_made_too(
    handbook: Path, url: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    task = "List what a shop for guitars does not take back from a buyer."
    done = "A shop takes back no strings that were opened, whatever the reason may be."
    passage = '"instruction"'

    def says(asked: str) -> str:
        if passage in asked and "Returns" in asked:
            return json.dumps([{"instruction": task, "response": done}])
        return (
            "It does not take back opened strings, whatever the reason." if task in asked else "-"
        )

    Server.script.append(says)
    words = [handbook, "--by", url, "--model", "big", "--kind", "instruction"]
    found = synthesize([*words, "--output", tmp_path / "out"], capfd)
    assert found["pairs"]["kept"] == 1
    assert found["passages"]["without_pairs"] == {"malformed": 1}


def test_where_no_pair_is_left_the_reasons_are_written_and_the_exit_code_says_so(
    handbook: Path, url: str, model: Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model.pairs = {"Returns": [BAD["grounded"]], "Shipping": [BAD["length"]]}
    out = tmp_path / "out"
    found = synthesize([handbook, "--by", url, "--output", out], capfd, code=1)
    assert (found["pairs"]["kept"], found["use"]) == (0, [])
    assert sorted(path.name for path in out.iterdir()) == ["ledger.json", "rejected.jsonl"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere/", "--by", "URL"], "nowhere/: no such file"),
        (["HANDBOOK", "--by", "http://127.0.0.1:9/v1"], "no chat completion"),
        (["HANDBOOK", "--by", "no/such-model"], "no/such-model"),
        (["HANDBOOK", "--by", "ftp://127.0.0.1/v1"], "got 'ftp://127.0.0.1/v1', expected such as"),
        (["HANDBOOK", "--by", "URL", "--kind", "qw"], "--kind 'qw': unknown"),
        (["HANDBOOK", "--by", "URL", "--per-chunk", "0"], "--per-chunk: got 0"),
        (["HANDBOOK", "--by", "URL", "--most", "-1"], "--most: got -1"),
        (["HANDBOOK", "--by", "URL", "--key-env", "NO_KEY"], "NO_KEY"),
        (["HANDBOOK", "--by", "m", "--model", "big"], "--model: is for a URL"),
        (["HANDBOOK", "--by", "URL", "data.chunc=300"], "did you mean 'chunk'"),
        (["HANDBOOK", "--by", "URL", "data.test=x.md"], "data.test: not used where pairs are made"),
        (["SHORT", "--by", "URL"], "no passage of at least 100 characters"),
        (["ROWS", "--by", "URL"], "rows.csv"),
    ],
)
def test_what_is_wrong_is_said_once_and_nothing_is_left_behind(
    words: list[str],
    message: str,
    handbook: Path,
    url: str,
    model: Model,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    del model
    (tmp_path / "short.md").write_text("# Short\n\ntext")
    (tmp_path / "rows.csv").write_text("number,label\n1,2\n3,4\n")
    names = {
        "HANDBOOK": handbook,
        "URL": url,
        "SHORT": tmp_path / "short.md",
        "ROWS": tmp_path / "rows.csv",
    }
    before = sorted(tmp_path.iterdir())
    asked = [names.get(word, word) for word in words]
    found = synthesize([*asked, "--output", tmp_path / "out"], capfd, code=2)
    assert message in found["error"]["message"]
    assert sorted(tmp_path.iterdir()) == before


def test_an_endpoint_of_several_models_needs_a_name(
    handbook: Path, url: str, model: Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    del model
    Server.models.append("small")
    words = [handbook, "--by", url, "--output", tmp_path / "out"]
    message = synthesize(words, capfd, code=2)["error"]["message"]
    assert "lists big, small. Name the one that is to write: --model" in message
    Server.models.clear()
    assert "lists no model" in synthesize(words, capfd, code=2)["error"]["message"]


def test_a_model_of_this_machine_that_writes_no_pairs_is_counted_so(
    handbook: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    by = tiny.folder(tmp_path / "model")
    words = [handbook, "--by", by, "--max-new-tokens", 4, "--output", tmp_path / "out"]
    found = synthesize(words, capfd, code=1)
    assert sum(found["passages"]["without_pairs"].values()) == 2
    assert found["calls"] == 2


def test_a_folder_with_something_in_it_is_left_alone_before_anything_is_asked(
    handbook: Path, url: str, model: Model, capfd: pytest.CaptureFixture[str]
) -> None:
    del model
    message = synthesize([handbook, "--by", url, "--output", handbook], capfd, code=2)
    assert "there is something already" in message["error"]["message"]
    assert sorted(path.name for path in handbook.iterdir()) == sorted(PASSAGES)
    assert Server.heard == []
