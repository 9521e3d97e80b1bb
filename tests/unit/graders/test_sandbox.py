"""A user's Python file as a grader: what it may do, and one clear message for what it must not."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import RecipeError
from luthier.graders import Answer, Score, _sandbox, build_grader

ROWS = [Answer(messages=(), completion="7", reference="7", fields={"a": 1}, origin="r.csv line 2")]
linux = pytest.mark.skipif(sys.platform != "linux", reason="walls of the Linux kernel")


def grade(tmp_path: Path, body: str, **settings: Any) -> Score:
    """One completion graded by a function with this body."""
    file = tmp_path / "mine.py"
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    file.write_text(f"def grade(completion, row):\n{lines}")
    grader = build_grader({"name": "python", "path": str(file), "seconds": 5.0, **settings})
    try:
        return grader.grade(ROWS)[0]
    finally:
        grader.close()


def test_it_gets_the_completion_and_the_row(tmp_path: Path) -> None:
    body = "return (completion == row['reference']) + row['a']"
    assert grade(tmp_path, body).value == 2.0


def test_it_may_import_print_and_write_to_its_own_folder(tmp_path: Path) -> None:
    body = "import math\nprint('hello')\nopen('notes.txt', 'w').write('x')\nreturn math.sqrt(4)"
    assert grade(tmp_path, body).value == 2.0


def test_an_error_on_a_row_is_told_with_its_line(tmp_path: Path) -> None:
    found = grade(tmp_path, "x = 1\nraise ValueError('odd')")
    assert found.value == 0.0
    assert found.problem.endswith("mine.py line 3: ValueError: odd")


def test_a_failure_scores_no_more_than_the_worst_of_the_others(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def grade(completion, row): return -float(completion)")
    grader = build_grader({"name": str(file)})
    rows = [replace(ROWS[0], completion=text) for text in ("3", "seven", "5")]
    assert [score.value for score in grader.grade(rows)] == [-3.0, -5.0, -5.0]
    grader.close()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("while True:\n    pass", r"line [23]: took more than 0.5 s"),
        ("return len(bytearray(10 << 30))", r"line 2: asks for more memory"),
        ("import numpy\nreturn numpy.ones(10 << 27).sum()", r"line 3: asks for more memory"),
        (
            "import socket\nsocket.create_connection(('127.0.0.1', 9))",
            r"line 3: opens a network connection",
        ),
        ("import os\nos.system('true')", r"line 3: starts or signals another process"),
        ("import subprocess\nsubprocess.run(['true'])", r"line 3: starts or signals"),
        (
            "import fcntl, os\nfcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())",
            r"line 3: starts or signals another process",
        ),
        ("return 'good'", r"returned 'good', expected a number"),
        ("return 10**400", r"returned 1000+, expected a number"),
        ("return 10**5000", r"returned a value of type int, expected a number"),
        ("import numpy\nreturn numpy.ones(2)", r"returned array\(\[1., 1.\]\), expected a number"),
        ("raise KeyboardInterrupt", r"line 2: KeyboardInterrupt: "),
        (
            "import os\nopen(f'/proc/{os.getppid()}/environ')",
            r"line 3: reads /proc/\d+/environ",
        ),
        (
            "for n in range(9):\n    open(f'{n}', 'wb').write(b'x' * (60 << 20))\nreturn 1",
            r"wrote more than 256 MB into its temporary folder",
        ),
        ("import os\nos._exit(3)", r"ended with code 3"),
    ],
)
def test_what_it_must_not_do_ends_it_with_one_message(
    tmp_path: Path, body: str, message: str
) -> None:
    seconds = 0.5 if "while" in body else 10.0  # an import may be slow on a busy machine
    with pytest.raises(RecipeError, match=rf"mine.py {message}.*r.csv line 2"):
        grade(tmp_path, body, seconds=seconds)


@pytest.mark.parametrize("slow", ["__float__", "__repr__", "__str__"])
def test_what_it_gives_back_is_read_in_its_own_time(tmp_path: Path, slow: str) -> None:
    gives = "raise Slow" if slow == "__str__" else "return Slow()"
    body = f"""class Slow(Exception):
    def {slow}(self):
        while True: pass
{gives}()"""
    with pytest.raises(RecipeError, match=r"mine.py line 4: took more than 0.5 s"):
        grade(tmp_path, body.replace("()()", "()"), seconds=0.5)


def test_an_error_of_what_it_gives_back_is_told_with_its_line(tmp_path: Path) -> None:
    body = "class Odd:\n    def __float__(self): raise KeyError('a')\nreturn Odd()"
    assert grade(tmp_path, body).problem.endswith("mine.py line 3: KeyError: 'a'")


def test_a_file_may_take_its_seconds_to_load_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sandbox, "_START_SECONDS", 0.0)
    file = tmp_path / "mine.py"
    file.write_text("import time\ntime.sleep(0.3)\ndef grade(c, row): return 1")
    grader = build_grader({"name": "python", "path": str(file), "seconds": 20})
    assert grader.check([]) == []
    grader.close()
    limits = _sandbox.Limits(0.0, 1 << 30)
    monkeypatch.setattr(_sandbox, "_GRACE_SECONDS", 0.2)
    file.write_text("while True: pass")
    with pytest.raises(RecipeError, match=r"mine.py took more than 0.2 s"):
        _sandbox.Sandbox(file, "grade", limits).start()


def test_it_cannot_write_to_home(tmp_path: Path) -> None:
    target = Path.home() / f"luthier-test-{os.getpid()}"
    body = f"open({str(target)!r}, 'w').write('x')"
    with pytest.raises(RecipeError, match=rf"line 2: writes to {target}"):
        grade(tmp_path, body)
    assert not target.exists()


def test_what_it_did_is_told_even_where_it_hides_it(tmp_path: Path) -> None:
    body = f"try:\n    open({str(tmp_path / 'x')!r}, 'w')\nexcept BaseException:\n    return 1.0"
    with pytest.raises(RecipeError, match="line 3: writes to"):
        grade(tmp_path, body)


@linux
def test_the_kernel_holds_where_python_is_gone_round(tmp_path: Path) -> None:
    target = tmp_path / "x"
    body = f"""import ctypes
libc = ctypes.CDLL(None)
libc.socket.restype = libc.open.restype = libc.fork.restype = ctypes.c_int
return libc.socket(2, 1, 0) + libc.open({os.fsencode(target)!r}, 0o101, 0o600) + libc.fork()"""
    assert grade(tmp_path, body).value == -3.0
    assert not target.exists()


@linux
def test_a_file_that_is_ready_signals_nobody(tmp_path: Path) -> None:
    body = """import ctypes, os, struct
libc = ctypes.CDLL(None)
r, w = os.pipe()
owner = struct.pack('ii', 1, os.getppid())
number = ctypes.c_int(os.getppid())
said = [libc.fcntl(r, 8, os.getppid()), libc.fcntl(r, 10, 15), libc.fcntl(r, 15, owner)]
said += [libc.ioctl(r, 0x8901, ctypes.byref(number)), libc.ioctl(r, 0x8902, ctypes.byref(number))]
allowed = libc.fcntl(r, 4, libc.fcntl(r, 3, 0)) + libc.ioctl(r, 0x541B, ctypes.byref(number))
return sum(said) + allowed"""
    assert grade(tmp_path, body).value == -5.0


MEMORY = {"x86_64": (29, 64, 68, 240, 319), "aarch64": (194, 190, 186, 180, 279)}


@linux
@pytest.mark.skipif(platform.machine() not in MEMORY, reason="numbers of calls are not known")
def test_memory_that_counts_for_no_limit_is_refused(tmp_path: Path) -> None:
    body = f"""import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
calls = {MEMORY[platform.machine()]}
refused = 0
for call in calls:
    libc.syscall(call, 0, 4096, 0o1600, 0)
    refused += ctypes.get_errno() == errno.EPERM
return refused"""
    assert grade(tmp_path, body).value == 5.0
    body = "found = []\nwhile True: found += os.pipe()"
    assert "Too many open files" in grade(tmp_path, "import os\n" + body).problem


WALLED = """
import __future__, ctypes, errno, json, os, platform, struct, sys
walls, folder, is_nobody = sys.argv[1], sys.argv[2], sys.argv[3] == "nobody"
text = open(walls).read()
libc = ctypes.CDLL(None, use_errno=True)
libc.gethostname(name := ctypes.create_string_buffer(65), 64)
if is_nobody:
    os.setgid(65534), os.setuid(65534), libc.prctl(4, 1, 0, 0, 0)
def environment():
    try:
        return "MY_SECRET" in open(f"/proc/{os.getppid()}/environ").read()
    except PermissionError:
        return None
if not os.fork():
    before = environment()
    exec(compile(text, walls, "exec"))
    close(folder)
    lines = dict(line.split(":\t") for line in open("/proc/self/status").read().splitlines()
                 if line.startswith("Cap"))
    print(json.dumps([before, environment(), libc.sethostname(name, len(name.value)),
                      {key: int(value, 16) & ~4 for key, value in lines.items()}]))
    sys.stdout.flush()
    os._exit(0)
os.wait()
"""
"""The walls around a child that the process of a user, root or not, has forked."""


@linux
@pytest.mark.parametrize("user", ["whoever runs this", "nobody"])
def test_what_root_may_do_is_given_up_and_the_parent_cannot_be_read(
    user: str, tmp_path: Path
) -> None:
    if user == "nobody" and os.geteuid():
        pytest.skip("only root can become somebody else")
    tmp_path.chmod(0o777)
    walls = Path(_sandbox.__file__).with_name("_kernel.py")
    done = subprocess.run(
        [sys.executable, "-c", WALLED, walls, "/tmp" if user == "nobody" else tmp_path, user],
        env={"MY_SECRET": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    before, after, renamed, left = json.loads(done.stdout)
    assert before
    assert after is None
    assert renamed == -1
    assert not any(left[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"))
    assert not left["CapBnd"] or os.geteuid() or user == "nobody"  # of no use without the others


def test_nothing_of_the_environment_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", "1")
    assert grade(tmp_path, "import os\nreturn 'MY_SECRET' in os.environ").value == 0.0


def test_a_process_that_is_closed_starts_again(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "count = 0\ndef grade(c, row):\n    global count\n    count += 1\n    return count"
    )
    grader = build_grader({"name": "python", "path": str(file)})
    assert [item.value for item in grader.grade(ROWS * 2)] == [1.0, 2.0]
    grader.close()
    assert grader.grade(ROWS)[0].value == 1.0
    grader.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def grade(:", r"line 1: SyntaxError: invalid syntax$"),
        ("\ndef grade(completion): return 1", r"line 2: got grade\(completion\), expected grade"),
        ("import nothing_of_that_name", r"line 1: ModuleNotFoundError"),
        ("def score(c, row): return 1", r"has no function 'grade' \(functions in it: score\)"),
        ("while True: pass", r"line 1: took more than 3 s to load. Raise grader.seconds"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_refused_before_any_row(
    tmp_path: Path, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sandbox, "_START_SECONDS", 3.0)
    file = tmp_path / "mine.py"
    file.write_text(text)
    grader = build_grader({"name": "python", "path": str(file), "seconds": 0.5})
    with pytest.raises(RecipeError, match=message):
        grader.check(ROWS)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    grader = build_grader({"name": "python", "path": str(tmp_path / "none.py")})
    with pytest.raises(RecipeError, match=r"none.py: no such file"):
        grader.check(ROWS)


@linux
def test_this_kernel_has_every_wall(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def grade(c, row): return 1")
    grader = build_grader({"name": "python", "path": str(file)})
    started = time.perf_counter()
    assert grader.check(ROWS) == []
    assert time.perf_counter() - started < 10
    grader.close()
