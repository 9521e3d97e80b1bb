"""`luthier runs`: what was done here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.find import RUNS, RunWord, run_folder
from luthier.cli.text import write
from luthier.core.errors import RunError
from luthier.run.console import Console
from luthier.run.figures import of_bytes, of_fact
from luthier.run.layout import Layout
from luthier.run.lock import holder
from luthier.run.reader import open_run
from luthier.store import Entry, diff, list_runs, prune

app = typer.Typer(add_completion=False, help="List, show, diff or prune runs.")
Root = Annotated[Path, typer.Option(help="The folder that holds the runs.")]


@app.command("list")
def list_all(root: Root = RUNS) -> Answer:
    """Every run, the newest first, with its state and verdict."""
    entries = list_runs(root)
    return Answer(
        {"runs": [entry.document() for entry in entries]}, lambda: _show_list(entries, root)
    )


@app.command()
def show(run: RunWord) -> Answer:
    """Summary, arms and verdict of one run."""
    files = open_run(run_folder(run))
    document = {
        "path": str(files.layout.root),
        "summary": files.summary,
        "evaluation": files.evaluation,
        "recipe": files.recipe,
    }

    def show_all() -> None:
        for key, value in (files.summary or {}).items():
            write(_fact(key, value))
        if files.evaluation:
            Console(sys.stdout).show_evaluation(files.evaluation)

    return Answer(document, show_all)


@app.command("diff")
def differences(run_a: RunWord, run_b: RunWord) -> Answer:
    """Settings and figures in which two runs differ."""
    found = diff(run_folder(run_a), run_folder(run_b))
    return Answer(found, lambda: _show_diff(found))


@app.command("prune")
def remove(
    root: Root = RUNS,
    keep: Annotated[int | None, typer.Option(min=0, help="So many newest runs stay.")] = None,
    older: Annotated[
        float | None, typer.Option(min=0, help="Runs not changed for so many days go.")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Runs that failed or never began go.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it, only say what.")] = False,
) -> Answer:
    """Delete runs nobody needs. Without --yes nothing is deleted."""
    if keep is None and older is None and not failed:
        raise RunError("runs prune: say which runs go: --keep N, --older DAYS or --failed")
    found = prune(
        root,
        keep=keep,
        older_days=older,
        failed=failed,
        dry_run=not yes,
        is_busy=lambda folder: holder(Layout(folder).lock) is not None,
    )
    gone = [{"path": str(item.entry.path), "why": item.why, "bytes": item.bytes} for item in found]
    total = sum(item.bytes for item in found)
    verb = "deleted" if yes else "would be deleted (--yes deletes)"

    def show_all() -> None:
        for item in gone:
            write(f"{item['path']}  {item['why']}")
        count = "1 run" if len(gone) == 1 else f"{len(gone)} runs"
        write(f"{count}, {of_bytes(total)}, {verb}")

    return Answer({"deleted": yes, "runs": gone, "bytes": total}, show_all)


def _fact(key: str, value: Any) -> str:
    """One figure of a summary; several of them, or several sentences, each on its line."""
    name = key.replace("_", " ")
    if isinstance(value, dict):
        held = [f"{inner} {of_fact(key, figure)}" for inner, figure in value.items()]
        return f"{name}: {', '.join(held)}"
    if isinstance(value, list):
        return "\n    ".join([f"{name}:", *map(str, value)])
    return f"{name}: {of_fact(key, value)}"


def _show_list(entries: list[Entry], root: Path) -> None:
    if not entries:
        write(f"no runs in {root}")
    width = max((len(str(entry.path)) for entry in entries), default=0)
    for entry in entries:
        verdict = entry.summary.get("verdict") or entry.problem
        about = " ".join(str(entry.summary.get(key, "")) for key in ("model", "objective", "tuner"))
        write(f"{entry.path!s:{width}}  {entry.state:12} {verdict!s:12} {about}".rstrip())


def _show_diff(found: dict[str, dict[str, list[Any]]]) -> None:
    for part, changes in found.items():
        for key, (a, b) in changes.items():
            write(f"{part}  {key}: {a} -> {b}")
    if not any(found.values()):
        write("no difference")
