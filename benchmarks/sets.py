"""Files of the benchmarks' data that every system reads: `python benchmarks/sets.py DATA OUT`.

DATA holds published sets as they are distributed, a folder each; OUT/NAME gets train, validation
and test as JSON Lines (pictures: a folder per class). What Luthier reads as published is not here.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import re
import statistics
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from _cranfield import abstracts, candidates, cranfield
from _labelled import few, intents, routes
from _rows import Parts, Rows

FIRST_CLASSES = ("airplane", "automobile", "bird", "cat", "deer")
"""Of CIFAR-10: what picture_models.py learns; the other five are what is tuned on."""
WORDINGS = (
    "What is {a} + {b}? Answer with the number only.",
    "Add {a} and {b}. Say nothing but the result.",
    "{a} plus {b} makes how many? Only the number.",
    "I have {a} apples and get {b} more. How many are there now? Just the number.",
)
PEOPLE = (
    *("Anna", "Ben", "Carla", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas"),
    *("Karin", "Leo", "Mara", "Nils", "Olga", "Paul", "Rita", "Sven", "Tina", "Uwe"),
    *("Vera", "Walter", "Xenia", "Yann", "Zoe", "Bruno", "Clara", "Dora", "Erik", "Frida"),
)
TOWNS = (
    *("Paris", "Rome", "Oslo", "Vienna", "Berlin", "Madrid", "Lisbon", "Dublin", "Prague"),
    *("Athens", "Bern", "Turin", "Lyon", "Graz"),
)
_CALCULATOR = re.compile(r"<<.*?>>")


def clinc150(folder: Path) -> Parts:
    """Intents in scope, 150 classes."""
    found = json.loads((folder / "clinc150" / "data_full.json").read_text("utf-8"))
    names = {"train": "train", "validation": "val", "test": "test"}
    return {
        part: [{"text": text, "label": label} for text, label in found[name]]
        for part, name in names.items()
    }


def trec6(folder: Path) -> Parts:
    """Questions by the coarse class of their answer."""

    def rows(name: str) -> Rows:
        lines = (folder / "trec" / name).read_text("latin-1").splitlines()
        pairs = [line.partition(" ") for line in lines]
        return [{"text": text, "label": label.partition(":")[0]} for label, _, text in pairs]

    return {"train": rows("train.txt"), "test": rows("test.txt")}


def geoquery(folder: Path) -> Parts:
    """Questions on a small database and their SQL, by the question split, names filled in."""
    parts: Parts = {"train": [], "validation": [], "test": []}
    names = {"train": "train", "dev": "validation", "test": "test"}
    queries = json.loads((folder / "text2sql_geography" / "geography.json").read_text("utf-8"))
    for query in queries:
        for said in query["sentences"]:
            question, sql = said["text"], query["sql"][0]
            for name, value in said["variables"].items():
                question, sql = question.replace(name, value), sql.replace(name, value)
            parts[names[said["question-split"]]].append({"prompt": question, "completion": sql})
    return parts


def gsm8k(folder: Path) -> Parts:
    """Sums in words, worked out, with the number on a last line of its own."""

    def rows(part: str) -> Rows:
        lines = (folder / "gsm8k" / f"{part}.jsonl").read_text("utf-8").splitlines()
        found = map(json.loads, lines)
        return [
            {"prompt": row["question"], "completion": _CALCULATOR.sub("", row["answer"])}
            for row in found
        ]

    return {"train": rows("train")[:600], "test": rows("test")[:100]}


def scitldr(folder: Path) -> Parts:
    """Abstracts of papers and their summary in a sentence."""

    def rows(part: str, number: int) -> Rows:
        lines = (folder / "scitldr" / f"{part}.jsonl").read_text("utf-8").splitlines()
        found = map(json.loads, lines[:number])
        ask = "Summarise this abstract in one sentence.\n\n"
        return [
            {"prompt": ask + " ".join(row["source"]), "completion": row["target"][0].strip()}
            for row in found
        ]

    return {"train": rows("train", 500), "validation": rows("valid", 40), "test": rows("test", 80)}


def movies(folder: Path) -> Parts:
    """What a user will give a film, from the films the same user rated before; user by user."""
    with (folder / "movielens_small" / "movies.csv").open(encoding="utf-8", newline="") as file:
        titles = {
            row["movieId"]: f"{row['title']} ({row['genres']})" for row in csv.DictReader(file)
        }
    by_user: dict[str, list[tuple[int, str, float]]] = {}
    with (folder / "movielens_small" / "ratings.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            seen = (int(row["timestamp"]), titles[row["movieId"]], float(row["rating"]))
            by_user.setdefault(row["userId"], []).append(seen)
    draws = random.Random(0)
    users = sorted(by_user)
    draws.shuffle(users)
    parts: Parts = {"train": [], "test": []}
    for place, user in enumerate(users):
        rated = sorted(by_user[user])
        for at in draws.sample(range(8, len(rated)), min(10, len(rated) - 8)):
            before = "; ".join(f"{title}: {rating:g}" for _, title, rating in rated[at - 8 : at])
            mean = statistics.mean(rating for *_, rating in rated[:at])
            text = f"{rated[at][1]} | mean so far {mean:.1f} | {before}"
            row = {"text": text, "score": rated[at][2], "user": user}
            parts["test" if place % 5 == 0 else "train"].append(row)
    return parts


def stsb(folder: Path) -> Parts:
    """Pairs of sentences with a likeness from 0 to 5; the published files are tab-separated."""

    def rows(part: str) -> Rows:
        lines = (folder / "stsb" / f"{part}.csv").read_text("utf-8").splitlines()
        cells = [line.split("\t") for line in lines if line.strip()]
        return [{"sentence1": c[5], "sentence2": c[6], "score": float(c[4])} for c in cells]

    return {"train": rows("train"), "validation": rows("valid"), "test": rows("test")}


def harmless(folder: Path) -> Parts:
    """Two answers to the last turn of a conversation, the less harmful one chosen. Left out are
    pairs whose answers are alike, or go on with what a human said."""
    path = folder / "hh_rlhf_harmless" / "test.filtered.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [_conversation(json.loads(line)) for line in file]
    rows = [row for row in rows if row["chosen"] != row["rejected"]]
    rows = [row for row in rows if "Human:" not in row["chosen"] + row["rejected"]]
    return {"train": rows[:-200], "test": rows[-200:]}


def thumbs(folder: Path) -> Parts:
    """The same answers one by one, each with its thumb."""
    return {
        part: [
            {"prompt": row["prompt"], "completion": row[answer], "label": answer == "chosen"}
            for row in rows
            for answer in ("chosen", "rejected")
        ]
        for part, rows in harmless(folder).items()
    }


def _conversation(row: dict[str, str]) -> dict[str, Any]:
    """Turns before the last answer, and both answers."""
    before, _, chosen = row["chosen"].rpartition("\n\nAssistant:")
    rejected = row["rejected"].rpartition("\n\nAssistant:")[2]
    pieces = re.split(r"\n\n(Human|Assistant):", before)[1:]
    roles = {"Human": "user", "Assistant": "assistant"}
    turns = [
        {"role": roles[who], "content": text.strip()}
        for who, text in zip(pieces[::2], pieces[1::2], strict=True)
    ]
    return {"prompt": turns, "chosen": chosen.strip(), "rejected": rejected.strip()}


def sums(folder: Path) -> Parts:
    """Sums of two numbers from 1 to 12 in four wordings; pairs that are tested train in none."""
    del folder
    pairs = [(a, b) for a in range(1, 13) for b in range(1, 13)]
    random.Random(0).shuffle(pairs)

    def rows(chosen: list[tuple[int, int]]) -> Rows:
        return [
            {"prompt": wording.format(a=a, b=b), "reference": str(a + b)}
            for a, b in chosen
            for wording in WORDINGS
        ]

    return {
        "train": rows(pairs[:104]),
        "validation": rows(pairs[104:107]),
        "test": rows(pairs[107:]),
    }


def records(folder: Path) -> Parts:
    """How old somebody is in ten years, as JSON; those and the towns that are tested train in no
    row."""
    del folder
    draws = random.Random(0)
    ask = 'How old in ten years? Answer as JSON with the keys "name" and "in_ten_years".'

    def rows(people: Sequence[str], towns: Sequence[str], number: int) -> Rows:
        found: Rows = []
        for _ in range(number):
            name, age, town = draws.choice(people), draws.randint(18, 80), draws.choice(towns)
            right = json.dumps({"name": name, "in_ten_years": age + 10})
            prompt = f"{name} is {age} years old and lives in {town}. {ask}"
            found.append({"prompt": prompt, "reference": right})
        return found

    return {
        "train": rows(PEOPLE[:20], TOWNS[:10], 400),
        "validation": rows(PEOPLE[:20], TOWNS[:10], 12),
        "test": rows(PEOPLE[20:], TOWNS[10:], 120),
    }


def details(folder: Path) -> Parts:
    """What people ask a home assistant, and all kinds of details that are in it (SNIPS)."""

    def rows(part: str) -> Rows:
        place = folder / "snips" / part
        texts = (place / "seq.in").read_text("utf-8").splitlines()
        tags = (place / "seq.out").read_text("utf-8").splitlines()
        return [
            {"text": text.strip(), "labels": sorted({tag[2:] for tag in said.split()} - {""})}
            for text, said in zip(texts, tags, strict=True)
        ]

    return {"train": rows("train")[:4000], "validation": rows("valid"), "test": rows("test")}


def questions(folder: Path) -> Parts:
    """Questions on paragraphs of Wikipedia; a fifth of the articles is held out."""
    parts: Parts = {"train": [], "test": []}
    articles = json.loads((folder / "xquad" / "xquad.en.json").read_text("utf-8"))["data"]
    for number, article in enumerate(articles):
        parts["test" if number % 5 == 0 else "train"] += [
            {
                "question": asked["question"],
                "context": paragraph["context"],
                "answers": {
                    "text": [found["text"] for found in asked["answers"]],
                    "answer_start": [found["answer_start"] for found in asked["answers"]],
                },
            }
            for paragraph in article["paragraphs"]
            for asked in paragraph["qas"]
        ]
    return parts


def general(folder: Path) -> Parts:
    """Instructions of all kinds."""
    path = folder / "llamafactory_demo" / "alpaca_en_demo.json"
    rows = [row for row in json.loads(path.read_text("utf-8")) if len(row["output"]) < 800]
    return {"train": rows[:400], "few": rows[:150], "test": rows[400:500]}


SETS: dict[str, Callable[[Path], Parts]] = {
    "clinc150": clinc150,
    "trec6": trec6,
    "geoquery": geoquery,
    "gsm8k": gsm8k,
    "scitldr": scitldr,
    "movies": movies,
    "stsb": stsb,
    "cranfield": cranfield,
    "harmless": harmless,
    "thumbs": thumbs,
    "sums": sums,
    "records": records,
    "details": details,
    "questions": questions,
    "intents": intents,
    "routes": routes,
    "abstracts": abstracts,
    "candidates": candidates,
    "general": general,
}


def pictures(folder: Path, out: Path) -> None:
    """CIFAR-10's subset in two halves of its classes, and scikit-learn's digits."""
    from PIL import Image
    from sklearn.datasets import load_digits

    for part in ("train", "test"):
        with zipfile.ZipFile(folder / "cifar10_subset" / f"{part}.zip") as archive:
            for name in archive.namelist():
                is_first = any(f"/{label}/" in f"/{name}" for label in FIRST_CLASSES)
                archive.extract(name, out / ("cifar10-first" if is_first else "cifar10"))
    found: Any = load_digits()
    for place, (image, target) in enumerate(zip(found.images, found.target, strict=True)):
        part = "test" if place % 4 == 0 else "train"
        path = out / "digits" / part / str(target) / f"{place:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 15.9375).astype("uint8")).save(path)


def write(folder: Path, parts: Parts) -> None:
    """Each part as JSON Lines."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in parts.items():
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    for name, make in SETS.items():
        write(given.out / name, make(given.data))
    for name, parts in few(given.data).items():
        write(given.out / "few" / name, parts)
    pictures(given.data, given.out)


if __name__ == "__main__":
    main()
