"""Personal data planted among real texts: `python benchmarks/data/personal.py DATA`.

Of every kind valid instances are drawn by chance, each put into a sentence of DATA (see
benchmarks/README.md). Recall is the share whose every character some range of the kind covers.
False alarms are ranges of any kind in texts that hold no personal data, shown to be judged by eye.
`--show N` prints so many misses and false alarms per kind.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import ipaddress
import json
import random
import re
import string
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

import phonenumbers
from stdnum import iban, luhn, numdb

from luthier.data.personal import kinds
from luthier.data.personal.contract import Kind

EACH = 1000
Drawn = tuple[str, str, int, int]
"""What sort it is of, what is written, and where in that the personal part begins and how long."""
LETTERS, DIGITS = string.ascii_uppercase, string.digits
FIRST = ["anna.schmidt", "j.doe", "maria_lopez", "bob", "o'brien", "li-wei", "søren.k", "jürgen"]
HOSTS = ["gmail.com", "mail.example.co.uk", "uni-köln.de", "xn--mnchen-3ya.de", "例え.jp"]
KEYS = ["password", "PASSWORD", "db_password", "api_key", "API_KEY", "client_secret", "auth-token"]
COUNTRIES = ["DE", "FR", "GB", "NL", "ES", "IT", "BE", "CH", "PL", "SE", "NO", "MT", "BR", "SA"]


def whole(sort: str, text: str) -> Drawn:
    return sort, text, 0, len(text)


def some(drawn: random.Random, alphabet: str, count: int) -> str:
    return "".join(drawn.choices(alphabet, k=count))


def filled(drawn: random.Random, shape: str) -> str:
    """The shape with 9 as any digit, n as one from 1 to 9, and A as any capital."""
    kinds_of = {"9": DIGITS, "n": DIGITS[1:], "A": LETTERS}
    return "".join(drawn.choice(kinds_of.get(sign, sign)) for sign in shape)


def email(drawn: random.Random) -> Drawn:
    name = drawn.choice(FIRST) + drawn.choice(["", str(drawn.randint(1, 99))])
    tag = drawn.choice(["", "", "+news", "+a.b"])
    address = f"{name}{tag}@{drawn.choice(HOSTS)}"
    return whole("plus" if tag else "plain", drawn.choice([address, address.upper(), address]))


def phone(drawn: random.Random) -> Drawn:
    """Example numbers with their last four digits drawn anew, as their region writes them."""
    form = drawn.choice(["INTERNATIONAL", "E164", "NATIONAL"])
    regions = sorted(phonenumbers.SUPPORTED_REGIONS)
    region = drawn.choice(["US", "GB", "DE", "FR"] if form == "NATIONAL" else regions)
    mobile = drawn.choice(["MOBILE", "FIXED_LINE"])
    model = phonenumbers.example_number_for_type(
        region, getattr(phonenumbers.PhoneNumberType, mobile)
    ) or phonenumbers.example_number(region)
    assert model is not None
    stem = phonenumbers.format_number(model, phonenumbers.PhoneNumberFormat.E164)
    tries = (phonenumbers.parse(stem[:-4] + some(drawn, DIGITS, 4)) for _ in range(200))
    number = next(filter(phonenumbers.is_valid_number, tries), model)
    text = phonenumbers.format_number(number, getattr(phonenumbers.PhoneNumberFormat, form))
    return whole(f"{form.lower()} {region if form == 'NATIONAL' else ''}".strip(), text)


def account(drawn: random.Random) -> Drawn:
    country = drawn.choice(COUNTRIES)
    structure = numdb.get("iban").info(country)[0][1]["bban"]
    signs = {"n": DIGITS, "a": LETTERS, "c": DIGITS + LETTERS}
    body = "".join(
        some(drawn, signs[sort], int(count)) for count, sort in re.findall(r"(\d+)!(\w)", structure)
    )
    number = country + iban.calc_check_digits(f"{country}00{body}") + body
    return whole(country, drawn.choice([number, iban.format(number), iban.format(number, "-")]))


def card(drawn: random.Random) -> Drawn:
    sort, prefix, length = drawn.choice(
        [
            ("visa", "4", 16),
            ("mastercard", "5" + some(drawn, "12345", 1), 16),
            ("mastercard 2", "2" + some(drawn, "3456", 1), 16),
            ("amex", "37", 15),
            ("discover", "6011", 16),
            ("diners", "36", 14),
            ("jcb", "3530", 16),
        ]
    )
    body = prefix + some(drawn, DIGITS, length - len(prefix) - 1)
    number = body + luhn.calc_check_digit(body)
    cuts = [0, 4, 8, 12, 16] if length == 16 else [0, 4, 10, length]
    groups = [number[start:end] for start, end in pairwise(cuts)]
    return whole(sort, drawn.choice([number, " ".join(groups), "-".join(groups)]))


def ip(drawn: random.Random) -> Drawn:
    if drawn.random() < 0.5:
        first = drawn.choice([10, 172, 192, drawn.randint(11, 126), drawn.randint(128, 223)])
        rest = ".".join(str(drawn.randint(0, 255)) for _ in range(3))
        return whole("IPv4", f"{first}.{rest}")
    groups = 0x2001 << 112 | drawn.getrandbits(96) & ~(0xFFFF << 48)
    address = ipaddress.IPv6Address(groups)
    return whole("IPv6", drawn.choice([str(address), address.exploded, str(address).upper()]))


NINO = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
FORMS: dict[str, tuple[str, str]] = {
    "us": ("999-99-9999", "us.ssn"),
    "es": ("99999999A", "es.dni"),
    "nie": ("X9999999A", "es.nie"),
    "fr": ("1 99 0n 99 999 999 99", "fr.nir"),
    "it": ("AAAAAA99H2nA999A", "it.codicefiscale"),
    "ch": ("756.9999.9999.99", "ch.ssn"),
    "br": ("999.999.999-99", "br.cpf"),
    "be": ("99.0n.2n-999.99", "be.nn"),
    "pl": ("n90n2n99999", "pl.pesel"),
    "de": ("99 999 999 999", "de.idnr"),
    "se": ("990n2n-9999", "se.personnummer"),
    "fi": ("2n0n59-999A", "fi.hetu"),
    "india": ("9999 9999 9999", "in_.aadhaar"),
    "pan": ("AAAPA9999A", "in_.pan"),
    "gb": ("AA999999A", ""),
    "ssn said": ("SSN 999999999", "us.ssn"),
    "bsn said": ("BSN: 999999999", "nl.bsn"),
}


@cache
def stock(name: str) -> list[str]:
    """Valid numbers of the form, drawn until the check digits are right."""
    drawn, (shape, module) = random.Random(name), FORMS[name]
    check = importlib.import_module(f"stdnum.{module}").is_valid if module else NINO.fullmatch
    numbers: list[str] = []
    while len(numbers) < 100:
        number = filled(drawn, shape)
        if check(number.rpartition(" ")[2] if "said" in name else number):
            numbers.append(number)
    return numbers


def national_id(drawn: random.Random) -> Drawn:
    name = drawn.choice(list(FORMS))
    number = drawn.choice(stock(name))
    start = number.rfind(" ") + 1 if "said" in name else 0
    return name, number, start, len(number) - start


def secret(drawn: random.Random) -> Drawn:
    mixed, url = string.ascii_letters + DIGITS, string.ascii_letters + DIGITS + "-_"
    begins, ends = (f"-----{word} RSA PRIVATE KEY-----" for word in ("BEGIN", "END"))
    shapes: dict[str, tuple[str, str, str]] = {
        "aws": ("", "AKIA" + some(drawn, LETTERS + DIGITS, 16), ""),
        "github": ("", "ghp_" + some(drawn, mixed, 36), ""),
        "gitlab": ("", "glpat-" + some(drawn, url, 20), ""),
        "slack": ("", f"xoxb-{some(drawn, DIGITS, 12)}-{some(drawn, mixed, 24)}", ""),
        "google": ("", "AIza" + some(drawn, url, 35), ""),
        "stripe": ("", "sk_live_" + some(drawn, mixed, 24), ""),
        "openai": ("", drawn.choice(["sk-", "sk-proj-"]) + some(drawn, mixed, 48), ""),
        "anthropic": ("", "sk-ant-api03-" + some(drawn, url, 93) + "AA", ""),
        "hugging face": ("", "hf_" + some(drawn, mixed, 34), ""),
        "jwt": ("", ".".join(["eyJ" + some(drawn, url, 33)] * 2 + [some(drawn, url, 43)]), ""),
        "url": ("postgres://app:", some(drawn, mixed + "!$", 14), "@db.example.org:5432/main"),
        "assigned": (drawn.choice(KEYS) + "=", some(drawn, mixed, 32), ""),
        "quoted": (drawn.choice(KEYS) + ' = "', some(drawn, mixed, 24), '"'),
        "yaml": ("password: ", some(drawn, mixed, 12), ""),
        "word": ("password=", drawn.choice(["letmein", "hunter2", "qwertz", "Sommer24!"]), ""),
        "block": (
            "",
            f"{begins}\n{some(drawn, mixed, 64)}\n{some(drawn, mixed, 40)}==\n{ends}",
            "",
        ),
    }
    sort = drawn.choice(list(shapes))
    before, value, after = shapes[sort]
    return sort, before + value + after, len(before), len(value)


DRAWN: dict[str, Callable[[random.Random], Drawn]] = dict(
    email=email, phone=phone, iban=account, card=card, ip=ip, national_id=national_id, secret=secret
)


def bank(data: Path) -> list[str]:
    with (data / "banking77" / "train.csv").open(encoding="utf-8") as file:
        return [row["text"] for row in csv.DictReader(file)]


def lines(path: Path) -> list[str]:
    return path.read_text("utf-8", errors="replace").splitlines()


def clean(data: Path) -> Iterator[tuple[str, list[str]]]:
    """Sets without personal data, by name (financial_phrasebank has telephones of offices)."""
    yield "banking77", bank(data)
    yield "trec", [line.partition(" ")[2] for line in lines(data / "trec" / "train.txt")]
    yield "sst2", [line.partition("\t")[0] for line in lines(data / "sst2" / "train.tsv")]
    with (data / "ag_news_test" / "test.csv").open(encoding="utf-8") as file:
        yield "ag_news", [" ".join(row[1:]) for row in csv.reader(file)]
    for path in sorted((data / "sentiment_sentences").glob("*.txt")):
        yield path.stem, [line.rpartition("\t")[0] for line in lines(path)]
    sums = [json.loads(line) for line in lines(data / "gsm8k" / "train.jsonl")]
    yield "gsm8k", [f"{row['question']}\n{row['answer']}" for row in sums]
    code = [json.loads(line) for line in lines(data / "mbpp" / "mbpp.jsonl")]
    yield "mbpp", [f"{row['text']}\n{row['code']}" for row in code]
    with (data / "medical_abstracts" / "test.csv").open(encoding="utf-8") as file:
        yield "medical", [row[-1] for row in csv.reader(file)]


def planted(text: str, instance: str, drawn: random.Random) -> tuple[str, int]:
    """The sentence with the instance between two words or at its end, and where it begins."""
    words = text.split()
    at = drawn.randint(0, len(words))
    opening, closing = drawn.choice(
        [("", ""), ("", ""), ("", "."), ("(", ")"), ("", ","), ('"', '"')]
    )
    before = " ".join(words[:at])
    start = f"{before} {opening}" if before else opening
    rest = " ".join(words[at:])
    return f"{start}{instance}{closing}{' ' if rest else ''}{rest}", len(start)


def recall(data: Path, found: dict[str, Kind], show: int) -> None:
    """Prints the share of planted instances found, per kind, and what was missed."""
    drawn, texts = random.Random(0), bank(data)
    hits = 0
    for name, draw in DRAWN.items():
        missed: dict[str, list[str]] = defaultdict(list)
        tried: dict[str, int] = defaultdict(int)
        for _ in range(EACH):
            sort, instance, offset, length = draw(drawn)
            text, start = planted(drawn.choice(texts), instance, drawn)
            start, end = start + offset, start + offset + length
            tried[sort] += 1
            covered = {at for span in found[name].find(text) for at in range(*span)}
            if not covered.issuperset(range(start, end)):
                missed[sort].append(text)
        hit = EACH - sum(map(len, missed.values()))
        hits += hit
        worst = ", ".join(f"{s} {len(m)}/{tried[s]}" for s, m in missed.items())
        print(f"{name:12} recall {hit / EACH:.4f}{'   missed: ' if worst else ''}{worst}")
        for texts_missed in missed.values():
            for text in texts_missed[:show]:
                print(f"    {text[:180]!r}")
    print(f"{'overall':12} recall {hits / (EACH * len(DRAWN)):.4f}")


def alarms(data: Path, found: dict[str, Kind], show: int) -> None:
    """Prints what is found in clean texts, and the time that looking takes."""
    rows = count = characters = 0
    shown: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    for where, texts in clean(data):
        here = 0
        for name, kind in found.items():
            begin = time.process_time()
            spans = [(text, span) for text in texts for span in kind.find(text)]
            seconds[name] += time.process_time() - begin
            here += len(spans)
            for text, (start, end) in spans[: max(0, show - shown[name])]:
                shown[name] += 1
                before, after = text[max(0, start - 30) : start], text[end : end + 20]
                print(f"    {where} {name}: {before!r} >> {text[start:end]!r} << {after!r}")
        rows, count = rows + len(texts), count + here
        characters += sum(map(len, texts))
        print(f"{where:24} {len(texts):6,} rows  {1000 * here / len(texts):.2f} alarms per 1,000")
    print(f"clean: {count} alarms in {rows:,} rows, {1000 * count / rows:.3f} per 1,000")
    per = "  ".join(f"{name} {1e6 * spent / rows:.1f}" for name, spent in seconds.items())
    total = 1e6 * sum(seconds.values()) / rows
    print(f"microseconds per row of {characters / rows:.0f} characters: {total:.1f} ({per})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--show", type=int, default=5)
    options = parser.parse_args()
    found: dict[str, Kind] = {name: kind() for name, kind in kinds.items()}
    recall(options.data, found, options.show)
    alarms(options.data, found, options.show)


if __name__ == "__main__":
    main()
