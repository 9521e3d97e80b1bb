"""`luthier answer`: a file of questions in, a file of conversations out, to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from luthier.cli.answer import Answer
from luthier.cli.table import work
from luthier.cli.text import write
from luthier.core.counted import counted
from luthier.run.console import Console

app = typer.Typer(add_completion=False)


@app.command()
def answer(
    input: Annotated[Path, typer.Argument(help="Conversations; their answers may miss.")],
    model: Annotated[str, typer.Option(help="Who answers: a model, or its name at --url.")],
    output: Annotated[Path, typer.Option(help="JSON Lines: conversations with the answers.")],
    url: Annotated[str, typer.Option(help="An OpenAI-compatible endpoint, ending in /v1.")] = "",
    key_env: Annotated[str, typer.Option(help="Environment variable with its key.")] = "",
    max_new_tokens: Annotated[int, typer.Option(help="Longest answer; longer ones go.")] = 512,
    rewrite: Annotated[bool, typer.Option(help="Reword each row's own answer.")] = False,
) -> Answer:
    """Let another model answer, so that its answers can be learned with objective=sft."""
    teacher = work("answer.Teacher")(model, url, key_env, max_new_tokens, rewrite=rewrite)
    with Console() as console:
        found = work("answer.answer_file")(input, output, teacher=teacher, on_event=console)
    lines = [f"{found['answered']} of {counted(found['rows'], 'row')} answered: {found['output']}"]
    why = {
        "unfinished": f"longer than --max-new-tokens {max_new_tokens}",
        "calls": "calls of tools, and no answer in words",
        "empty": "without words, or held back",
        "refused": "questions that the endpoint does not take",
    }
    lines += [f"{found[name]} left out: {words}" for name, words in why.items() if found[name]]
    return Answer(found, lambda: write("\n".join(lines)))
