"""Text read in the wrong encoding is made whole; what is right stays as it is."""

import json
from pathlib import Path

import pytest

from luthier.data.cleaning.mojibake import Config, Mojibake
from luthier.data.load import load
from luthier.data.rows import Origin, Row, Tagged, Text
from luthier.recipe.schema import DataSection


def cleaned(row: Row) -> Row | None:
    """The row as the cleaner leaves it; None where nothing is changed."""
    (change,) = [*Mojibake(Config()).changes([row], ())] or (None,)
    return change.row if change else None


def text(content: str) -> Text:
    return Text(origin=Origin("a", 1), text=content)


@pytest.mark.parametrize(
    "right",
    ["don’t “stop” – it’s 20 €", "Zwölf Boxkämpfer, ça va", "日本語の文です。", "пять шагов"],
)
@pytest.mark.parametrize("times", [1, 2])
def test_utf_8_read_as_cp1252_is_made_whole(right: str, times: int) -> None:
    broken = right
    for _ in range(times):
        broken = "".join(_as_cp1252(byte) for byte in broken.encode())
    found = cleaned(text(f"Before. {broken} And after."))
    assert found is not None
    assert found.given() == f"Before. {right} And after."


def _as_cp1252(byte: int) -> str:
    """As browsers have it: what cp1252 leaves open is the control character."""
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


@pytest.mark.parametrize(
    "right",
    [
        "plain",
        "“quotes” stay, ﬁ and ｆｕｌｌ too",
        "Ã is a letter",
        "naïve café, 12 °C ± 3",
        "NÃO HÁ É",
        "€ 5",
    ],
)
def test_what_is_right_is_not_touched(right: str) -> None:
    assert cleaned(text(right)) is None


def test_tags_stay_with_their_words() -> None:
    words = ("FranÃ§oise", "Yip", "donâ€™t")
    row = Tagged(origin=Origin("a", 1), tokens=words, tags=("B-PER", "I-PER", "O"))
    found = cleaned(row)
    assert isinstance(found, Tagged)
    assert found.tokens == ("Françoise", "Yip", "don’t")
    assert found.tags == row.tags


def test_repairs_are_counted(tmp_path: Path) -> None:
    texts = ["itâ€™s broken", *(f"row {at}" for at in range(20))]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    ledger = load(DataSection(train=str(path), clean={"mojibake": True}), seed=0).ledger
    assert ledger.changed["characters read in the wrong encoding"].count == 1
