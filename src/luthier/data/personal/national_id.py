"""Numbers that a state gives to a person, by their shape and their check digits.

A shape is looked for by itself where shape and check leave false alarms rare. Others need a word
before them, such as "SSN" or "BSN". The checks are those of python-stdnum; the number of British
National Insurance has no check digit and goes by its published pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import ClassVar

from stdnum.au import tfn
from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cl import rut
from stdnum.cn import ric
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.dk import cpr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.ie import pps
from stdnum.in_ import aadhaar, pan
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.nl import bsn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.pt import nif
from stdnum.ro import cnp
from stdnum.se import personnummer
from stdnum.tr import tckimlik
from stdnum.us import itin, ssn
from stdnum.za import idnr as south_africa

from luthier.data.personal import kinds
from luthier.data.personal._apart import apart

Check = Callable[[str], bool]


def _is_aadhaar(number: str) -> bool:
    """Not three years in a row."""
    years = all("1900" <= number[at : at + 4] <= "2100" for at in (0, 5, 10))
    return not years and aadhaar.is_valid(number)


def _is_dni(number: str) -> bool:
    return dni.is_valid(number.replace(".", ""))


def _is_pesel(number: str) -> bool:
    """Of nobody born before 1910: such numbers are rather telephones of eleven digits."""
    return pesel.is_valid(number) and not (number[0] == "0" and number[2] in "01")


def _is_nino(number: str) -> bool:
    return number[:2].upper() not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


SHAPES: dict[str, tuple[str, tuple[Check, ...]]] = {
    "us": (r"\d{3}-\d{2}-\d{4}", (ssn.is_valid, itin.is_valid)),
    "gb": (
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?:\ ?\d\d){3}\ ?[A-D]"
        r"|[a-ceghj-pr-tw-z][a-ceghj-npr-tw-z]\d{6}[a-d]",
        (_is_nino,),
    ),
    "es": (r"(?:\d{8}|\d\d\.\d{3}\.\d{3})(?:[ -]?[A-Z]|[a-z])", (_is_dni,)),
    "nie": (r"[XYZxyz][ -]?\d{7}[ -]?[A-Za-z]", (nie.is_valid,)),
    "fr": (
        r"[12]\ ?\d\d\ ?(?:0[1-9]|1[0-2]|[2-9]\d)\ ?(?:\d\d|2[ABab])\ ?\d{3}\ ?\d{3}\ ?\d\d",
        (nir.is_valid,),
    ),
    "it": (
        r"(?i:[A-Z]{6}[\dLMNP-V]{2}[A-EHLMPRST][\dLMNP-V]{2}[A-Z][\dLMNP-V]{3}[A-Z])",
        (codicefiscale.is_valid,),
    ),
    "ch": (r"756\.\d{4}\.\d{4}\.\d\d|756\d{10}", (ahv.is_valid,)),
    "br": (r"\d{3}\.\d{3}\.\d{3}-\d\d", (cpf.is_valid,)),
    "be": (r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d", (nn.is_valid,)),
    "de": (r"\d\d\ \d{3}\ \d{3}\ \d{3}", (idnr.is_valid,)),
    "eleven": (
        r"\d{11}",
        (fodselsnummer.is_valid, nn.is_valid, idnr.is_valid, _is_pesel),
    ),
    "no": (r"\d{6}\ \d{5}", (fodselsnummer.is_valid,)),
    "se": (r"(?:19|20)?\d{6}[-+]\d{4}", (personnummer.is_valid,)),
    "twelve": (r"(?:19|20)\d{10}", (personnummer.is_valid,)),
    "fi": (r"\d{6}[-+A-FU-Ya-fu-y]\d{3}[\dA-Ya-y]", (hetu.is_valid,)),
    "india": (r"\d{4}\ \d{4}\ \d{4}", (_is_aadhaar,)),
    "pan": (r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", (pan.is_valid,)),
    "cn": (r"\d{17}[\dXx]", (ric.is_valid,)),
    "kr": (r"\d{6}-\d{7}", (rrn.is_valid,)),
    "mx": (r"(?i:[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d)", (curp.is_valid,)),
    "cl": (r"\d{1,2}\.\d{3}\.\d{3}-[\dKk]", (rut.is_valid,)),
    "cz": (r"\d{6}/\d{4}", (rc.is_valid,)),
    "thirteen": (r"\d{13}", (south_africa.is_valid, cnp.is_valid)),
}
CHECKS = {name: checks for name, (_, checks) in SHAPES.items()}
TWO = re.compile(r"\d\d")
BORDER = r"(?<!\w)(?<!\d[.,/+-])(?<!\+)(?=[A-Za-z]{0,6}[ -]?\d)"
ONE = re.compile(
    f"{BORDER}(?:{'|'.join(f'(?P<{name}>{shape})' for name, (shape, _) in SHAPES.items())})"
    r"(?!\w|[.,/+-]\d)",
    re.X,
)
WORDS: dict[str, Check] = {
    r"ssn|social\ security": ssn.is_valid,
    r"itin": itin.is_valid,
    r"bsn|burgerservicenummer|sofi": bsn.is_valid,
    r"nhs": nhs.is_valid,
    r"social\ insurance|sin": sin.is_valid,
    r"tfn|tax\ file": tfn.is_valid,
    r"cpf": cpf.is_valid,
    r"aadhaar|aadhar|uidai": aadhaar.is_valid,
    r"cpr": cpr.is_valid,
    r"nif|contribuinte": nif.is_valid,
    r"pps|ppsn": pps.is_valid,
    r"t\.?c\.?\ kimlik|tckn|kimlik": tckimlik.is_valid,
    r"personnummer": personnummer.is_valid,
    r"rut|run": rut.is_valid,
}
NUMBER = re.compile(r"(?<![\w.,])\d(?:[ .-]?\d){6,12}(?:-?[A-Z]{1,2})?(?!\w|[.,-]\d)", re.I)
SAID = re.compile(
    rf"\b(?:{'|'.join(f'(?P<w{at}>{word})' for at, word in enumerate(WORDS))})"
    r"(?:[^\w+]{1,3}(?:number|num|no|nr|is|was|nummer|id|insurance|security)\b){0,3}[^\w+]{0,3}$",
    re.I | re.X,
)
LOOK_BACK = 48


@kinds.add
class NationalId:
    """SSN 078-05-1121, 12345678Z, 756.1234.5678.97 and others."""

    mark: ClassVar[str] = "ID"
    is_grave: ClassVar[bool] = False
    rank: ClassVar[int] = 50

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        if TWO.search(text):
            yield from apart(sorted([*_shaped(text), *_said(text)]))


def _shaped(text: str) -> Iterator[tuple[int, int]]:
    match = ONE.search(text)
    while match:
        number, name = match.group(), match.lastgroup or ""
        found = any(check(number) for check in CHECKS[name])
        if found:
            yield match.span()
        match = ONE.search(text, match.end() if found else match.start() + 1)


def _said(text: str) -> Iterator[tuple[int, int]]:
    checks = list(WORDS.values())
    for match in NUMBER.finditer(text):
        said = SAID.search(text[max(0, match.start() - LOOK_BACK) : match.start()])
        number = re.sub(r"[ .-]", "", match.group())
        if said and checks[int((said.lastgroup or "w0")[1:])](number):
            yield match.span()
