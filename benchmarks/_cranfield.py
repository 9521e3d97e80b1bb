"""Cranfield, a collection of abstracts on aerodynamics with queries: as pairs, lists and texts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from _rows import Parts


def cranfield_collection(
    folder: Path,
) -> tuple[dict[int, str], dict[int, str], dict[int, dict[int, int]]]:
    """Documents and queries by number, and the gain of relevant documents: 4 for a complete answer
    (grade 1 of the collection) down to 1 (grade 4); queries are numbered as they stand."""
    place = folder / "cranfield"

    def texts(name: str, *, in_order: bool = False) -> dict[int, str]:
        parts = re.split(r"^\.I (\d+)\s*$", (place / name).read_text("utf-8"), flags=re.M)[1:]
        pairs = zip(parts[::2], parts[1::2], strict=True)
        return {
            at if in_order else int(named): _field(text, "W") or _field(text, "T")
            for at, (named, text) in enumerate(pairs, start=1)
        }

    gains: dict[int, dict[int, int]] = {}
    for line in (place / "cranqrel").read_text().splitlines():
        query, document, grade = (int(word) for word in line.split()[:3])
        if 1 <= grade <= 4:
            gains.setdefault(query, {})[document] = 5 - grade
    documents = texts("cran.all.1400")
    return documents, texts("cran.qry", in_order=True), gains


def _field(record: str, name: str) -> str:
    found = re.search(rf"^\.{name}\n(.*?)(?=^\.[A-Z]$|\Z)", record, flags=re.M | re.S)
    return " ".join(found[1].split()) if found else ""


def is_held_out(query: int) -> bool:
    """Whether a query of Cranfield is searched for and not learned from."""
    return query % 3 == 0


def cranfield(folder: Path) -> Parts:
    """Queries with a document that answers them; some queries are held out."""
    documents, queries, gains = cranfield_collection(folder)
    rows = {
        query: [
            {"anchor": queries[query], "positive": documents[number]}
            for number in found
            if documents.get(number)
        ]
        for query, found in gains.items()
    }
    return {
        "train": [row for query, found in rows.items() if not is_held_out(query) for row in found],
        "test": [found[0] for query, found in rows.items() if is_held_out(query) and found],
    }


def abstracts(folder: Path) -> Parts:
    """Texts on aerodynamics: the documents of Cranfield."""
    rows = [{"text": text} for text in cranfield_collection(folder)[0].values() if text]
    return {"train": rows[:400], "test": rows[-100:]}


def candidates(folder: Path) -> Parts:
    """Queries of Cranfield, each with what answers it and with what shares its rare words most;
    in the order of a search by TF-IDF."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    documents, queries, gains = cranfield_collection(folder)
    numbers = [number for number, text in documents.items() if text]
    counted: Any = TfidfVectorizer(stop_words="english", sublinear_tf=True)
    seen_ND = counted.fit_transform([documents[number] for number in numbers])
    parts: Parts = {"train": [], "test": []}
    for query, gain in gains.items():
        likeness_N = (seen_ND @ counted.transform([queries[query]]).T).toarray().ravel()
        order = [numbers[at] for at in (-likeness_N).argsort(kind="stable")]
        is_test = is_held_out(query)
        near = set(order[: 30 if is_test else 10]) | (set() if is_test else set(gain))
        shown = [number for number in order if number in near]
        found = [{"text": documents[x], "relevance": gain.get(x, 0)} for x in shown]
        if any(item["relevance"] for item in found):
            row = {"query": queries[query], "documents": found}
            parts["test" if is_test else "train"].append(row)
    return parts
