"""The command line as scripts see it: standard output, standard error and exit code."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

from luthier.cli.main import help_text, run
from luthier.cli.table import COMMANDS, app_of


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LUTHIER_CACHE", str(tmp_path / "cache"))
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def _luthier(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "luthier", *words], capture_output=True, text=True, **options
    )


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert said == help_text()
    assert all(f"\n  {name} " in said for name in COMMANDS)
    assert max(map(len, said.splitlines())) <= 100


def test_no_command_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Usage" in capsys.readouterr().out


def test_an_unknown_command_is_refused_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["trian"]) == 2
    assert capsys.readouterr().err == "luthier trian: unknown command; did you mean 'train'?\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_its_answers(name: str) -> None:
    command = typer.main.get_command(app_of(name))
    inner = getattr(command, "commands", {name: command})
    for one in inner.values():
        assert one.help
        callback = inspect.unwrap(one.callback)
        assert "Answer" in str(inspect.signature(callback).return_annotation)
        named = [param for param in one.params if param.name != "help"]
        assert [param.name for param in named if not getattr(param, "help", "")] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export"], "luthier export: Missing argument 'RUN'. See luthier export --help"),
        (["export", "a"], "luthier export: Missing option '--format'. See luthier export --help"),
        (["models", "lst"], "luthier models: No such command 'lst'."),
        (["demo", "x"], "luthier demo: Invalid value for"),
        (["train", "none.jsonl"], "none.jsonl: no such file"),
        (["runs", "show", "none"], "run 'none': not found"),
        (["runs", "prune"], "runs prune: say which runs go"),
        (["train", f"{'x' * 300}.jsonl"], f"{'x' * 300}.jsonl: no such file"),
        (["train", f"name={'x' * 300}", "none.jsonl"], "none.jsonl: no such file"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    said = capsys.readouterr()
    assert said.err.startswith(message)
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["nothing"], 2),
        (["train", "--help"], 0),
        (["runs", "list", "--help"], 0),
        (["runs", "list"], 0),
        (["runs", "show", "none"], 2),
        (["export"], 2),
        (["train", "none.jsonl"], 2),
        (["init", "none.jsonl"], 2),
    ],
)
def test_json_is_one_document_on_standard_output(words: list[str], code: int) -> None:
    done = _luthier(*words, "--json")
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    if code:
        assert document["error"]["exit_code"] == code
        assert document["error"]["message"].strip() in done.stderr


def test_the_help_of_a_command_is_in_its_document(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--help", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["command"] == "luthier train"
    assert "Run directory." in document["help"]


def test_json_keeps_what_libraries_print_off_standard_output() -> None:
    program = (
        "import os, sys\n"
        "from luthier.cli import main\n"
        "main.invoke = lambda words, output, wants_json: (\n"
        "    print('noise'), os.system('echo more noise'), output.write('{}'), 0)[-1]\n"
        "sys.exit(main.run(['list', '--json']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout == "{}"
    assert sorted(done.stderr.split("\n")) == ["", "more noise", "noise"]


def test_a_reader_that_leaves_early_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "luthier", "runs", "list"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert done.returncode == 0
    assert done.stderr == ""


def test_our_fault_is_4_and_shows_no_trace(tmp_path: Path) -> None:
    program = (
        "from luthier.cli import main, table\n"
        "def broken(words): raise ZeroDivisionError('oops')\n"
        "table.app_of = broken\n"
        "main.main(['list', '--json'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["error"]["exit_code"] == 4
    assert list((tmp_path / "cache" / "crash").iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_is_3(number: signal.Signals) -> None:
    program = (
        "import os, signal\n"
        "from luthier.cli import main, table\n"
        f"def stopped(words): os.kill(os.getpid(), {int(number)}); import time; time.sleep(5)\n"
        "table.app_of = stopped\n"
        "main.main(['list'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert done.stderr == "Stopped. The same command starts again.\n"


def test_a_stopped_command_answers_in_json_too() -> None:
    program = (
        "import os, signal\n"
        "from luthier.cli import main, table\n"
        "def stopped(words): os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(5)\n"
        "table.app_of = stopped\n"
        "main.main(['list', '--json'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert json.loads(done.stdout)["error"]["exit_code"] == done.returncode == 3


def test_a_chat_whose_reader_leaves_is_no_error() -> None:
    program = (
        "import sys\n"
        "import typer\n"
        "from luthier.cli import main, table\n"
        "app = typer.Typer()\n"
        "@app.command()\n"
        "def talk() -> None:\n"
        "    while True: sys.stdout.write('word ' * 1000)\n"
        "table.app_of = lambda name: app\n"
        "main.main(['chat'])\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", program], stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
