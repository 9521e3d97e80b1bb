"""`luthier data synth`: questions with answers made from documents, to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.section import DataWords, section_of
from luthier.cli.table import work
from luthier.cli.text import write
from luthier.core.counted import counted
from luthier.run.console import Console

_LEFT_OUT = {
    "unfinished": "replies longer than --max-new-tokens, or than the model's context",
    "calls": "replies that call tools",
    "empty": "replies without words, or held back",
    "refused": "passages that the endpoint does not take",
    "declined": "replies that refuse to write pairs",
    "malformed": "replies without pairs in JSON",
    "length": "questions or answers too short or too long",
    "self_contained": "questions that nobody understands without the passage",
    "given_away": "questions that hold their answer",
    "grounded": "answers with what the passage does not say",
    "round_trip": "answers that the model does not give again",
    "near_duplicates": "questions almost like an earlier one",
    "enough": "more than --most",
}


def synth(
    context: typer.Context,
    words: DataWords = None,
    *,
    by: Annotated[
        str,
        typer.Option(
            metavar="MODEL|RUN|URL",
            help="Who writes them: a model, a run, or an OpenAI-compatible endpoint.",
        ),
    ],
    output: Annotated[Path, typer.Option(help="A new folder for the files.")],
    kind: Annotated[str, typer.Option(help="qa: questions with short answers; or instruction.")] = (
        "qa"
    ),
    per_chunk: Annotated[int, typer.Option(help="Pairs to ask for of each passage.")] = 3,
    most: Annotated[int, typer.Option(help="Keep no more pairs; 0: all.")] = 0,
    model: Annotated[str, typer.Option(help="Name of the model at the URL.")] = "",
    key_env: Annotated[str, typer.Option(help="Environment variable with the URL's key.")] = "",
    max_new_tokens: Annotated[int, typer.Option(help="Longest reply of the model.")] = 1024,
) -> Answer:
    """Let a model write questions with answers from documents, and keep those that hold.

    Every pair is kept with its passage. The model answers each question anew without seeing its
    answer, and what does not agree is left out. The folder gets train.jsonl, rejected.jsonl with
    the reasons, and ledger.json. Exit code 1 where not one pair is left.
    """
    section = section_of("synth", [*(words or []), *context.args], folder=output)
    teacher = work("teacher.teacher_of")(by, model, key_env, max_new_tokens)
    wanted = work("synth.Wanted")(kind, per_chunk, most)
    with Console() as console:
        make = work("synth.synth_files")
        found = make(section, output=output, teacher=teacher, wanted=wanted, on_event=console)
        kept = found["pairs"]["kept"]
        return Answer(found, lambda: _show(found, console), exit_code=int(not kept))


def _show(found: dict[str, Any], console: Console) -> None:
    passages, pairs = found["passages"], found["pairs"]
    lines = [
        ("asked", f"{counted(pairs['asked'], 'pair')} of {counted(passages['asked'], 'passage')}"),
        ("made", f"{counted(pairs['made'], 'pair')} in {counted(found['calls'], 'call')}"),
        ("not written", counted(pairs["unwritten"], "pair")),
    ]
    for what, counts in (
        ("without pairs", passages["without_pairs"]),
        ("left out", pairs["rejected"]),
    ):
        lines += [(what, f"{n:,}: {_LEFT_OUT.get(why, why)}") for why, n in counts.items()]
    folder = Path(found["folder"])
    lines.append(("kept", counted(pairs["kept"], "pair")))
    console.show_table("Pairs", [*lines, ("left out in", str(folder / "rejected.jsonl"))])
    for use in found["use"]:
        write(f"to train on them: {use}")
    if not found["use"]:
        write("not one pair is left; name another model, or see rejected.jsonl")
