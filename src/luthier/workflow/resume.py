"""May this request continue that run? Compares what the run recorded with what is there now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from luthier.core.errors import RunError
from luthier.recipe.resolve import Settled
from luthier.workflow.settle import flat

IGNORED = ("name", "allow", "trackers")


def keep_choices(settled: Settled, recorded: Mapping[str, Any]) -> None:
    """Settle every "auto" as the run did, so that continuing changes nothing."""
    for key, value in flat(recorded["recipe"]).items():
        why = str(recorded["origins"].get(key, "kept from the run")).removeprefix("auto: ")
        if value != "auto":
            settled.settle(key, value, why)


def same_request(settled: Settled, recorded: Mapping[str, Any], *, where: str) -> None:
    """Raises: RunError: the recipe asks for something else than the run was started with."""
    if "changed_recipe" in settled.get("allow"):
        return
    before, now = flat(recorded["recipe"]), flat(settled.document()["recipe"])
    changed = [
        f"    {key}: {before.get(key, 'absent')!r} in the run, {now.get(key, 'absent')!r} now"
        for key in sorted({*before, *now})
        if before.get(key, "auto") != now.get(key, "auto") and not key.startswith(IGNORED)
    ]
    if changed:
        lines = "\n".join(changed)
        raise RunError(
            f"{where} was started with another recipe:\n{lines}\n"
            "    Give another --out for a new run, or allow=[changed_recipe] to continue anyway."
        )


def same_files(recorded: Mapping[str, str], now: Mapping[str, str], *, where: str) -> None:
    """Raises: RunError: a file the run was started with has other content now."""
    changed = [name for name, digest in recorded.items() if now.get(name, digest) != digest]
    if changed:
        raise RunError(
            f"{where}: {', '.join(changed)} changed since the run was started. Restore it, give "
            "another --out for a new run, or set allow=[changed_data] to continue anyway."
        )
