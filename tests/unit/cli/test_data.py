"""`luthier data check` as it is typed."""

import json
from pathlib import Path

import pytest
from tests import tiny

from luthier.cli.main import run
from luthier.data.rows import Labeled, Origin

DOING = ["opening", "closing", "losing", "paying", "finding", "hiding", "lending", "giving"]
ROWS = [
    (f"{word} {doing} is what I want to ask about", word)
    for word in ("card", "loan")
    for doing in [*DOING, "asking", "taking"]
]


def write(path: Path, rows: list[tuple[str, str]]) -> str:
    path.write_text("".join(json.dumps({"said": t, "about": n}) + "\n" for t, n in rows))
    return str(path)


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run(["data", "check", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


COLUMNS = ("data.columns.text=said", "columns.label=about")


def test_clean_rows_end_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ask(capsys, write(tmp_path / "a.jsonl", ROWS), *COLUMNS)
    assert (code, out) == (0, "nothing wrong was found\n")
    assert "20 rows" in err
    said = " ".join(err.split())
    assert "one JSON object per line" in said
    assert "column 'said' is the text, 'about' its class" in said


def test_faults_are_shown_with_their_rows_and_end_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "a.jsonl", [*ROWS, ("mail eva@example.org", "card")])
    code, out, _ = ask(capsys, file, *COLUMNS, "--output", str(tmp_path / "found.json"))
    assert code == 1
    assert out.split("\n")[1:6] == [
        "1 row: personal data (EMAIL)",
        "    why it matters: the model may say them to anyone who asks",
        "    what to do: data.clean.personal=true",
        f"    {file} line 21: mail eva@example.org",
        "        eva@example.org",
    ]
    (finding,) = json.loads((tmp_path / "found.json").read_text())["findings"]
    assert (finding["name"], finding["count"]) == ("personal", 1)
    assert ask(capsys, file, *COLUMNS, "data.clean.personal=true")[0] == 0


def test_of_many_lines_about_what_was_read_the_last_are_shown_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for at in range(10):
        write(tmp_path / f"part-{at}.jsonl", ROWS[2 * at : 2 * at + 2])
    origin = Origin("part-0.jsonl", 1)
    decided = [Labeled(origin=origin, text=text, label="card").key() for text in (ROWS[0][0], "x")]
    lines = [json.dumps({"key": key, "label": "card"}) + "\n" for key in decided]
    (tmp_path / "decided.jsonl").write_text("".join(lines))
    where = ("data.corrections=" + str(tmp_path / "decided.jsonl"), *COLUMNS)
    _, _, err = ask(capsys, f"{tmp_path}/part-*.jsonl", *where)
    assert "more lines: --report shows all" in err
    assert "corrections that fit no row: 1" in err


def test_the_rows_of_a_recipe_are_checked_as_it_reads_and_cleans_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "a.jsonl", [*ROWS, ("mail eva@example.org", "card")])
    recipe = tmp_path / "recipe.yaml"
    text = f"model: m\ndata:\n  train: {file}\n  columns: {{text: said, label: about}}\n"
    recipe.write_text(text)
    assert ask(capsys, str(recipe))[0] == 1
    recipe.write_text(text + "  clean: {personal: mask}\n")
    assert ask(capsys, str(recipe))[0] == 0


@pytest.mark.parametrize("command", ["check", "preview", "card", "split", "clean"])
def test_a_recipe_of_rows_alone_needs_no_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    file = write(tmp_path / "a.jsonl", ROWS)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"data:\n  train: {file}\n  columns: {{text: said, label: about}}\n")
    output = ["--output", str(tmp_path / "out")] if command in ("split", "clean") else []
    assert run(["data", command, str(recipe), *output]) == 0
    assert "recipe data: missing" not in capsys.readouterr().err
    recipe.write_text("seed: 1\n")
    assert run(["data", command, str(recipe), *output]) == 2
    assert "recipe data: missing" in capsys.readouterr().err


def test_files_and_columns_may_be_named_by_their_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "a.jsonl", ROWS)
    assert ask(capsys, f"data.train={file}", *COLUMNS)[0] == 0
    assert ask(capsys, file, "--columns", "text=said,label=about")[0] == 0
    code, _, err = ask(capsys, file, "--columns", "text=said,about")
    assert (code, "data.columns: got 'text=said,about', expected" in err) == (2, True)
    code, _, err = ask(capsys, file, f"data.train={file}", *COLUMNS)
    assert code == 2
    assert f"got data.train={file} beside {file}; expected the files once" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no file named. luthier data check rows.jsonl"),
        (("FILE", "seed=3"), "command line seed: no setting of data, and this command has no use"),
        (("nowhere.jsonl",), "nowhere.jsonl: no such file"),
        (("FILE", "data.colums.text=said"), "no setting of data; did you mean 'columns'?"),
        (("FILE", "data.clean.personel=true"), "did you mean 'personal'?"),
        (("FILE", "columns.text=sad"), "column 'sad' (data.columns.text) is not there"),
    ],
)
def test_bad_words_end_with_2_and_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    file = write(tmp_path / "a.jsonl", ROWS)
    code, out, err = ask(capsys, *(file if word == "FILE" else word for word in words))
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_with_a_model_the_rows_are_told_in_its_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(tiny.folder(tmp_path / "model", architecture="bert"))
    file = write(tmp_path / "a.jsonl", ROWS)
    words = (file, *COLUMNS, "--model", model, "--task", "classify", "training.max_length=24")
    code, out, err = ask(capsys, *words, "--report", str(tmp_path / "page.html"))
    assert code == 1
    assert "longer than training.max_length (24 tokens)" in out
    assert "99 % at most" in err
    assert "In tokens of the model" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("FILE", "--task", "sft"), "--task: says how --model reads the rows"),
        (("--model", "x"), "no file named"),
        (("FILE", "--model", "./nowhere"), "nowhere"),
        (("FILE", "--model", "./nowhere", "--task", "sfd"), "did you mean 'sft'"),
    ],
)
def test_bad_words_about_a_model_end_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    file = write(tmp_path / "a.jsonl", ROWS)
    code, out, err = ask(capsys, *(file if word == "FILE" else word for word in words))
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
