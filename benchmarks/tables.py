"""Tables of docs/results.md from the files under benchmarks/results: `python benchmarks/tables.py`.

A table stands in the page between `<!-- grid: NAME -->` and `<!-- end -->`; nothing there is typed.
"""

from __future__ import annotations

import json
import re
import statistics
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "results.md"
_PLACE = re.compile(r"(<!-- grid: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(document: dict[str, Any]) -> str:
    """One line for each way of tuning each data set; means over seeds, with each of them.

    Seconds, memory and the machine are those of the seeds that `_timed` picks.
    """
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for cell in document["cells"]:
        groups.setdefault((cell["row"], cell["column"]), []).append(cell)
    also = list(document["also"])
    also += sorted({name for cell in document["cells"] for name in cell.get("rivals", {})})
    where = {key: _where(group) for key, group in groups.items()}
    machines = [name for name in dict.fromkeys(where.values()) if name]
    letters = dict(zip(machines, string.ascii_lowercase)) if len(machines) > 1 else {}
    head = [*HEAD, *(SAID[name] for name in also), *(["machine"] if letters else [])]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for (row, column), group in groups.items():
        at = [letters.get(where[row, column], "")] if letters else []
        lines.append("| " + " | ".join([*_line(row, column, group, also), *at]) + " |")
    sources = [
        (f"{letters[name]}: " if letters else "") + f"{name}, {_dates(document, name)}"
        for name in machines
    ]
    return "\n".join([*lines, "", f"{document['grid']}; {'; '.join(sources)}.", ""])


def _timed(cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The seeds that ran on the machine that most of them did; of two such, the later one."""
    names = [_machine(cell) for cell in cells]
    most = max(reversed(names), key=names.count)
    return [cell for cell in cells if _machine(cell) == most]


def _where(cells: Sequence[dict[str, Any]]) -> str:
    """The machine of `_timed`; empty: all failed."""
    ran = [cell for cell in cells if "arms" in cell]
    return _machine(_timed(ran)[0]) if ran else ""


def _machine(cell: dict[str, Any]) -> str:
    return f"{_cores(cell['machine']['cores'])} {cell['machine']['cpu']}"


def _cores(number: int) -> str:
    return f"{number} core{'s' * (number != 1)}"


def _dates(document: dict[str, Any], machine: str) -> str:
    """First and last day of what one machine measured."""
    cells = [cell for cell in document["cells"] if "arms" in cell and _machine(cell) == machine]
    days = sorted({cell["date"] for cell in cells})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


HEAD = (
    *("data", "how", "metric", "tuned", "untrained", "best rival"),
    *("trained parameters", "training s", "peak GiB"),
)


SAID = {
    "nll": "held-out NLL",
    "general_text_nll": "NLL of general text, change",
    "kl_to_base": "KL to the untrained",
    "trainer": "transformers' Trainer",
    "setfit": "SetFit",
}
"""What may be shown besides: metrics of the tuned model, or of what it kept; and rivals."""


def _line(row: str, column: str, cells: Sequence[dict[str, Any]], also: Sequence[str]) -> list[str]:
    errors = [cell["error"] for cell in cells if "error" in cell]
    if errors:
        return [row, column, f"failed: {errors[0].splitlines()[-1][:80]}", *[""] * (len(HEAD) - 3)]
    metric = cells[0]["metric"]
    share = cells[0]["trained_parameters"] / cells[0]["total_parameters"]
    timed = _timed(cells)
    return [
        row,
        column,
        metric,
        _score([cell["arms"]["tuned"][metric] for cell in cells]) + _cut(cells, metric),
        _score([cell["arms"]["base"][metric] for cell in cells if metric in _base(cell)]),
        _rival(cells[0]["arms"], metric),
        f"{cells[0]['trained_parameters']:,} ({share:.2%})",
        f"{statistics.mean(cell['seconds'] for cell in timed):.0f}",
        f"{max(cell['peak_bytes'] for cell in timed) / 2**30:.2f}",
        *(_beside(cells, name) for name in also),
    ]


def _beside(cells: Sequence[dict[str, Any]], name: str) -> str:
    """A further figure of the tuned model; of a rival also what it took."""
    rivals = [
        {"cores": cell["machine"]["cores"], **cell["rivals"][name]}
        for cell in cells
        if name in cell.get("rivals", {})
    ]
    if not rivals:
        return _score([found for cell in cells if (found := _figure(cell, name))])
    score = _score([{"value": rival["figures"][cells[0]["metric"]]} for rival in rivals])
    seconds = statistics.mean(rival["seconds"] for rival in rivals)
    types = dict.fromkeys(r["dtype"] for r in rivals if r.get("dtype", "float32") != "float32")
    peak = max(r["peak_bytes"] for r in rivals) / 2**30
    cores = {rival["cores"] for rival in rivals} - {_timed(cells)[0]["machine"]["cores"]}
    where = [_cores(number) for number in cores]
    return ", ".join([score, f"{seconds:.0f} s", f"{peak:.2f} GiB", *types, *where])


def _figure(cell: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A metric of the tuned model, or what general texts say of it."""
    kept = cell["retention"].get(name, {})
    return cell["arms"]["tuned"].get(name) or kept.get("difference") or kept.get("tuned")


def _cut(cells: Sequence[dict[str, Any]], metric: str) -> str:
    """What vectors give that are cut to their shortest."""
    found = [arms["short"][metric] for cell in cells if "short" in (arms := cell["arms"])]
    return f"; cut {_score(found)}" if found else ""


def _base(cell: dict[str, Any]) -> dict[str, Any]:
    return cell["arms"].get("base", {})


def _rival(arms: dict[str, Any], metric: str) -> str:
    """The best of the others, as the first seed found it; of errors the least."""
    others = {
        name: values[metric]["value"]
        for name, values in arms.items()
        if name not in ("base", "tuned", "short") and metric in values
    }
    if not others:
        return ""
    least = metric in ("nll", "rmse")
    best = min(others, key=lambda name: others[name] if least else -others[name])
    return f"{best} {others[best]:.4f}"


def _score(found: Sequence[dict[str, Any]]) -> str:
    """One seed: the value with its interval; several: the mean, and each in the seeds' order."""
    values = [item["value"] for item in found]
    if not values:
        return ""
    if len(values) == 1:
        low, high = found[0].get("low"), found[0].get("high")
        return f"{values[0]:.4f}" + (f" [{low:.4f}, {high:.4f}]" if low is not None else "")
    return f"{statistics.mean(values):.4f} ({', '.join(f'{value:.3f}' for value in values)})"


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")

    def filled(match: re.Match[str]) -> str:
        path = HERE / "results" / f"{match[2]}.json"
        return (
            match[1] + "\n" + table(json.loads(path.read_text(encoding="utf-8"))) + "\n" + match[3]
        )

    PAGE.write_text(_PLACE.sub(filled, page), encoding="utf-8")


if __name__ == "__main__":
    main()
