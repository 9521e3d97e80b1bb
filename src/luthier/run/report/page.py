"""A run directory as one page: what goes in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from luthier.run import figures
from luthier.run.reader import RunFiles
from luthier.run.report import lines
from luthier.run.report.accounts import accounts_of, changes_of
from luthier.run.report.arms import arms_of, headline_of
from luthier.run.report.classes import classes_of
from luthier.run.report.cost import costs_of
from luthier.run.report.curves import curves_of
from luthier.run.report.filled import filled
from luthier.run.report.flips import flips_of
from luthier.run.report.protocol import protocol_of
from luthier.run.report.retention import retention_of
from luthier.run.report.settings import settings_of
from luthier.run.shareable import shareable

MOST_SAMPLES = 6


def render(run: RunFiles) -> str:
    """The whole report as HTML: no script, no request, readable from `file://` and in print."""
    return filled("page.html", _content(shareable(run)))


def _content(run: RunFiles) -> dict[str, Any]:
    summary = run.summary or {}
    evaluation = run.evaluation or {}
    return {
        "name": run.name,
        "is_done": summary.get("state") == "done",
        "can_chat": summary.get("kind") == "causal_lm",
        "folder": run.layout.root.resolve().name,
        "summary": summary,
        "subtitle": _subtitle(run),
        "updated": _day(summary.get("updated")),
        "tiles": _tiles(run),
        "headline": headline_of(run.evaluation, summary),
        "arms": arms_of(evaluation),
        "flips": flips_of(run),
        "classes": classes_of(evaluation),
        "retention": retention_of(evaluation),
        "protocol": protocol_of(evaluation),
        "tested": figures.of_tested(evaluation),
        "curves": curves_of(run),
        "accounts": accounts_of(run.ledger),
        "changes": changes_of(run.ledger),
        "findings": (run.ledger or {}).get("findings", []),
        "data": _texts(summary.get("data")),
        "notes": _notes(summary),
        "samples": run.samples[:MOST_SAMPLES],
        "costs": costs_of(run),
        "settings": settings_of(run.resolved),
        "identity": figures.fingerprints((run.resolved or {}).get("identity") or {}),
        "machine": _machine(run.environment or {}),
        "versions": (run.environment or {}).get("versions", {}),
        "license": str(summary.get("license") or ""),
        "chart": {
            "width": lines.WIDTH,
            "height": lines.HEIGHT,
            "left": lines.LEFT,
            "right": lines.RIGHT,
            "top": lines.TOP,
            "bottom": lines.BOTTOM,
        },
    }


def _subtitle(run: RunFiles) -> list[tuple[str, str]]:
    summary = run.summary or {}
    found = [(name, summary.get(name)) for name in ("model", "objective", "tuner", "state")]
    return [(name, str(value)) for name, value in found if value]


def _tiles(run: RunFiles) -> list[tuple[str, str]]:
    """The figures a reader asks for first."""
    summary = run.summary or {}
    trained, total = summary.get("trained_parameters"), summary.get("total_parameters")
    seconds = summary.get("seconds") or {}
    tiles: list[tuple[str, str]] = []
    if seconds:
        words = "from data to verdict" if run.evaluation else "so far"
        tiles.append((figures.of_seconds(sum(seconds.values())), words))
    if summary.get("peak_bytes"):
        tiles.append((figures.of_bytes(summary["peak_bytes"]), "peak memory, loading and training"))
    if trained and total:
        share = f"{figures.of_part(trained, total)} of {total / 1e6:,.0f} M"
        tiles.append((f"{trained / 1e6:,.2f} M", f"parameters trained, {share}"))
    if summary.get("tokens_per_second"):
        unit = figures.unit_of(summary.get("kind"))
        tiles.append((figures.of_count(summary["tokens_per_second"]), f"{unit} per second"))
    return tiles


def _machine(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    cpu = environment.get("cpu") or {}
    facts = [
        ("processor", cpu.get("name")),
        ("cores used", environment.get("threads", cpu.get("usable_cores"))),
        ("fast instructions", ", ".join(cpu.get("flags", []))),
        ("memory", figures.of_bytes(environment.get("memory_bytes"))),
        ("device", environment.get("gpu", environment.get("device"))),
        ("system", environment.get("system")),
    ]
    return [(name, str(value)) for name, value in facts if value and environment]


def _notes(summary: Mapping[str, Any]) -> list[str]:
    """What was said along the way and does not stand under the data already."""
    data = _texts(summary.get("data"))
    return [note for note in _texts(summary.get("notes")) if note not in data]


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _day(text: Any) -> str:
    try:
        return datetime.fromisoformat(str(text)).strftime("%-d %B %Y")
    except ValueError:
        return ""
