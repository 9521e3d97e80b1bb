"""Languages and words of rows, and answers that come again and again."""

import errno
import json
from pathlib import Path

import pytest
from py3langid.langid import LanguageIdentifier
from tests.unit.data.test_examine import sentences, write

from luthier.data.examine import Examined, examine
from luthier.data.languages import _identifier, languages
from luthier.data.overview import overview
from luthier.data.vocabulary import vocabulary
from luthier.recipe.schema import DataSection

ENGLISH = [
    f"where is the {thing} that I ordered {when}, and who will bring it to my house?"
    for thing in ("bed", "chair", "lamp", "table", "carpet", "mirror", "shelf", "sofa")
    for when in ("yesterday", "last week", "a month ago", "for my sister", "with the others")
]
OTHERS = [
    ("de", "Wo bleibt eigentlich die Lampe, die ich vor zwei Wochen bei Ihnen bestellt habe?"),
    ("es", "¿Cuándo van a traerme la mesa que compré la semana pasada en su tienda?"),
]


def found_in(path: Path, pairs: list[tuple[str, str]]) -> Examined:
    return examine(DataSection(train=write(path / "a.jsonl", pairs)))


def test_rows_in_another_language_are_named_with_it(tmp_path: Path) -> None:
    pairs = [(text, "ab"[at % 2]) for at, text in enumerate(ENGLISH)]
    pairs += [(text, "a") for _, text in OTHERS]
    examined = found_in(tmp_path, pairs)
    (finding,) = (item for item in examined.findings if item.name == "languages")
    assert "another language than en" in finding.title
    assert [shown.beside[:2] for shown in finding.shown] == [name for name, _ in OTHERS]
    assert overview(examined)["languages"] == {"en": 40, "de": 1, "es": 1}


def test_rows_of_one_language_and_a_mixture_on_purpose_are_let_alone(tmp_path: Path) -> None:
    one = [(text, "ab"[at % 2]) for at, text in enumerate(ENGLISH)]
    half = one + [(f"{text} {at}", "ab"[at % 2]) for at in range(15) for _, text in OTHERS]
    for pairs in (one, half):
        names = [finding.name for finding in found_in(tmp_path, pairs).findings]
        assert "languages" not in names


def test_languages_too_near_are_called_one() -> None:
    assert all(name == "en" for name, _ in languages(ENGLISH))


def test_words_are_counted() -> None:
    found = vocabulary(["The cat's bed.", "the BED, the door!", ""])
    assert (found.num_words, found.num_different) == (7, 4)
    assert found.once_share == 0.5
    assert found.most_frequent[0] == ("the", 3)
    assert vocabulary([]).once_share == 0


def chats(path: Path, pairs: list[tuple[str, str]]) -> str:
    rows = [{"prompt": a, "completion": b} for a, b in pairs]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


REFUSAL = "I am sorry, I cannot help with that."


def own(number: int) -> list[tuple[str, str]]:
    return [(text, f"answer to {label} {text}") for text, label in sentences(number)]


def test_one_answer_to_many_prompts_is_named(tmp_path: Path) -> None:
    pairs = own(60) + [(f"please do thing {n} for me", REFUSAL) for n in range(6)]
    findings = examine(DataSection(train=chats(tmp_path / "a.jsonl", pairs))).findings
    (finding,) = (item for item in findings if item.name == "repeated_targets")
    assert finding.count == 6
    assert f"'{REFUSAL}' (6 rows)" in finding.title
    assert not finding.is_certain


@pytest.mark.parametrize(
    "pairs",
    [
        [(f"please do thing {n} for me", REFUSAL) for n in range(4)],
        [(f"is thing {n} for me", "yes") for n in range(20)],
        [],
    ],
)
def test_few_and_short_answers_may_come_again(tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    path = chats(tmp_path / "a.jsonl", own(60) + pairs)
    names = [finding.name for finding in examine(DataSection(train=path)).findings]
    assert "repeated_targets" not in names


def test_labels_come_again_by_their_nature(tmp_path: Path) -> None:
    pairs = [(text, f"a label of many words {label}") for text, label in sentences(90)]
    assert "repeated_targets" not in [item.name for item in found_in(tmp_path, pairs).findings]


def test_a_model_that_cannot_be_unpacked_is_said_and_all_else_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LanguageIdentifier, "from_model_file", full)
    _identifier.cache_clear()
    pairs = [*((text, "ab"[at % 2]) for at, text in enumerate(ENGLISH)), (ENGLISH[0], "b")]
    examined = found_in(tmp_path, pairs)
    assert "languages cannot be told" in examined.description[-1]
    assert "contradictions" in [finding.name for finding in examined.findings]
    assert "languages" not in overview(examined)
