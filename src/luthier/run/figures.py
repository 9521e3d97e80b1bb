"""How numbers read, the same in the terminal, the report and the card."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

LOWER_IS_BETTER = ("loss", "nll", "perplexity", "error", "brier", "ece", "calibration", "rmse")
SHARES = (
    "accuracy",
    "match",
    "f1",
    "precision",
    "recall",
    "fields",
    "valid",
    "rouge",
    "share",
    "hit",
    "ndcg",
    "mrr",
)
"""Parts of the names of metrics between 0 and 1 that read best in percent."""
_ABBREVIATIONS = {
    "tfidf": "TF-IDF", "nll": "NLL", "f1": "F1", "json": "JSON", "rmse": "RMSE", "ndcg": "nDCG",
    "mrr": "MRR", "kl": "KL", "bm25": "BM25",
}  # fmt: skip
OUTCOME_WORDS = {
    "better": "Better",
    "no_evidence": "No evidence of a difference",
    "worse": "Worse",
}


def of_verdict(verdict: Mapping[str, Any]) -> str:
    """The outcome in large words; better than before is not enough where a cheap method wins."""
    outcome = str(verdict.get("outcome", ""))
    if verdict.get("against") == "":
        return "Nothing to compare it with"
    words = OUTCOME_WORDS.get(outcome, outcome or "No verdict")
    return f"{words} than before, but a cheap rival wins" if is_beaten(verdict) else words


def is_beaten(verdict: Mapping[str, Any]) -> bool:
    """Whether training helped, and a method that needs no language model helps more."""
    return verdict.get("outcome") == "better" and verdict.get("rival_outcome") == "worse"


def of_bytes(value: float | None) -> str:
    """Such as "1.9 GiB"."""
    if value is None or not math.isfinite(value):
        return "–"
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(value) >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f} B"


def of_seconds(value: float | None) -> str:
    """Such as "48 s", "3 min 20 s" or "2 h 5 min"."""
    if value is None or not math.isfinite(value):
        return "–"
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def of_count(value: float | None) -> str:
    """Such as "12,345"."""
    return "–" if value is None or not math.isfinite(value) else f"{value:,.0f}"


def unit_of(kind: str | None) -> str:
    """What the speed of training counts, for a kind of model."""
    return "pictures" if kind == "image_classifier" else "tokens"


def of_test_rows(number: int) -> str:
    """Such as "1 test row" and "55 test rows"."""
    return f"{number:,} test row{'' if number == 1 else 's'}"


def of_number(value: float | None, *, digits: int = 3) -> str:
    """A plain number with so many digits after the point, or a power where it is tiny or huge."""
    if value is None or not math.isfinite(value):
        return "–"
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.2e}"
    return f"{value:.{digits}f}"


def of_estimate(estimate: Mapping[str, Any]) -> str:
    """Such as "0.813 [0.771, 0.853]"."""
    low, high = estimate.get("low"), estimate.get("high")
    text = of_number(estimate.get("value"))
    return f"{text} [{of_number(low)}, {of_number(high)}]" if low is not None else text


def of_name(name: str) -> str:
    """Such as "few-shot" for `few_shot`, "macro F1" for `macro_f1`."""
    whole = {"few_shot": "few-shot", "rouge_l": "ROUGE-L"}
    words = (_ABBREVIATIONS.get(word, word) for word in name.split("_"))
    return whole.get(name, " ".join(words))


def of_fact(name: str, value: Any) -> str:
    """A figure in the unit that its name ends with; no more digits than anyone reads."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if name.endswith("bytes"):
        return of_bytes(value)
    if name.endswith("seconds"):
        return of_seconds(value)
    is_whole = value == int(value) if math.isfinite(value) else False
    return of_count(value) if is_whole or abs(value) >= 1000 else of_number(value)


def is_lower_better(metric: str) -> bool:
    """Whether a smaller value of `metric` is the better one."""
    return any(word in metric.lower() for word in LOWER_IS_BETTER)


def is_share(metric: str) -> bool:
    """Whether `metric` is a share of something, to be read in percent."""
    return any(word in metric.lower() for word in SHARES) and not is_lower_better(metric)


def of_metric(metric: str, value: float | None, *, digits: int = 1) -> str:
    """Such as "81.3 %" for shares, "1.204" for the rest."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{100 * value:.{digits}f} %" if is_share(metric) else of_number(value)


def of_difference(metric: str, value: float | None) -> str:
    """With its sign: "+31.2 points" for shares, "−0.120" for the rest."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{100 * value:+.1f} points" if is_share(metric) else f"{value:+.3f}"
    return text.replace("-", "−")


def of_p(value: float) -> str:
    """Such as "= 0.031", or "< 0.001"."""
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def metric_order(arms: Mapping[str, Mapping[str, Any]], first: str) -> list[str]:
    """Every metric of any arm, `first` (the one of the verdict) in front."""
    names = dict.fromkeys(metric for estimates in arms.values() for metric in estimates)
    return sorted(names, key=lambda metric: metric != first)


def of_part(part: float, whole: float) -> str:
    """Such as "3.5 %", "100 %" or "0.042 %": two figures, whatever the size."""
    share = 100 * part / whole
    return f"{share:.0f} %" if share >= 10 else f"{share:.2g} %"


def of_tested(evaluation: Mapping[str, Any] | None) -> tuple[list[str], str]:
    """Each file of test rows that a run did not hold out itself, such as "new.csv: 30 test rows,
    SHA-256 9f2c..."; and which of their rows are left out, in words."""
    tested = ((evaluation or {}).get("details") or {}).get("tested") or {}
    if tested.get("is_own", True):
        return [], ""
    named = [
        f"{item.get('name')}: {of_test_rows(int(item.get('rows', 0)))}"
        + (f", SHA-256 {item['sha256']}" if item.get("sha256") else "")
        for item in tested.get("files") or []
    ]
    left_out = tested.get("left_out") or {}
    return named, "; ".join(f"{count:,} {reason}" for reason, count in left_out.items())


def fingerprints(identity: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Hashes of what a run is made of, by name; every data file by its own."""
    found: list[tuple[str, str]] = []
    for name, value in identity.items():
        if isinstance(value, Mapping):
            kind = name.removesuffix("s").replace("_", " ")
            found += [(f"{kind} {key}", str(item)) for key, item in value.items()]
        else:
            found.append((name.replace("_", " "), str(value)))
    return found


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found
