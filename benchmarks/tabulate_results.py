"""Measured lines as a Markdown table."""

from __future__ import annotations

from typing import Any


def table(document: dict[str, Any]) -> str:
    """One table per task: speed, time, memory, quality."""
    parts = [f"{document['machine']['cpu']}, {document['date']}\n"]
    for task in ("sft", "classify"):
        if task in document:
            head = (
                "| system | rows | tok/s | samples/s | training s | whole s | peak GiB | quality |"
            )
            lines = [_line(row) for row in document[task]]
            parts.append("\n".join([f"### {task}", "", head, "|" + "---|" * 8, *lines]))
    return "\n".join(parts) + "\n"


def _line(row: dict[str, Any]) -> str:
    if "error" in row and "seconds" not in row:
        reason = str(row["error"]).strip().splitlines()[-1][:100]
        return f"| {row['system']} | | | | | | | failed: {reason} |"
    seconds = row.get("seconds")
    cells = [
        str(row["system"]),
        str(row.get("rows", "")),
        f"{row['tokens'] / seconds:.0f}" if seconds and row.get("tokens") else "",
        f"{row['samples'] / seconds:.1f}" if seconds and row.get("samples") else "",
        f"{seconds:.1f}" if seconds else "",
        f"{row['wall_seconds']:.1f}" if "wall_seconds" in row else "",
        f"{_peak(row) / 2**30:.2f}" if _peak(row) else "",
        _quality(row),
    ]
    return "| " + " | ".join(cells) + " |"


def _peak(row: dict[str, Any]) -> int:
    """Up to the end of training; Luthier goes on to evaluate in the same process."""
    return int(row.get("peak_bytes_after_training") or row.get("peak_bytes") or 0)


def _quality(row: dict[str, Any]) -> str:
    if row.get("held_out_loss") is not None:
        return f"held-out loss {row['held_out_loss']:.4f}"
    if row.get("accuracy") is not None:
        return f"accuracy {row['accuracy']:.3f}"
    return ""
