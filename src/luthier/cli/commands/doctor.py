"""`luthier doctor`: is this machine ready?"""

from __future__ import annotations

import sys
from typing import Any

import typer

from luthier.cli.answer import Answer
from luthier.cli.table import work

app = typer.Typer(add_completion=False)


@app.command()
def doctor() -> Answer:
    """Check device, precision, memory, disk, cache and optional packages, with advice.

    Exit code 1 when something is missing that training needs.
    """
    found: dict[str, Any] = work("doctor.doctor")()
    checks: list[dict[str, Any]] = found["checks"]
    is_ready = all(check["ok"] or check.get("optional") for check in checks)
    return Answer(found, lambda: _show(checks), exit_code=int(not is_ready))


def _show(checks: list[dict[str, Any]]) -> None:
    for check in checks:
        mark = "ok" if check["ok"] else "--" if check.get("optional") else "NO"
        sys.stdout.write(f"{mark}  {check['name']:14} {check['detail']}\n")
        if check["advice"]:
            sys.stdout.write(f"{'':18} {check['advice']}\n")
