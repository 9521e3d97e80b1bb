"""Words with tags, however they are written: columns, lists, spans; what breaks is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import DataError
from luthier.data.asked import read_asked
from luthier.data.formats._schemes import as_bio, scheme_of
from luthier.data.ledger import Ledger
from luthier.data.parse import Parsed, Reading, parse_file
from luthier.data.rows import Tagged

CONLL = """-DOCSTART- -X- -X- O

EU NNP I-NP I-ORG
rejects VBZ I-VP O
German JJ I-NP I-MISC
call NN I-NP O
. . O O

Peter NNP I-NP I-PER
Blackburn NNP I-NP I-PER
"""


def read(tmp_path: Path, text: str, *, name: str = "a.txt", **reading: Any) -> Parsed:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return parse_file(str(path), Reading(**reading), Ledger())


def lines(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def rows(parsed: Parsed) -> list[Tagged]:
    return [row for row in parsed.rows if isinstance(row, Tagged)]


def test_conll_columns_are_known_by_their_content_and_iob1_becomes_bio(tmp_path: Path) -> None:
    parsed = read(tmp_path, CONLL)
    assert parsed.shape == "tagged"
    first, second = rows(parsed)
    assert first.tokens == ("EU", "rejects", "German", "call", ".")
    assert first.tags == ("B-ORG", "O", "B-MISC", "O", "O")
    assert second.tags == ("B-PER", "I-PER")
    assert second.origin.line == 9
    assert "in IO, read as BIO" in parsed.description[1]


def test_a_second_entity_of_a_kind_right_after_the_first_makes_it_iob1(tmp_path: Path) -> None:
    parsed = read(tmp_path, "a I-X\nb I-X\nc B-X\nd O\n\ne I-Y\nf O\n", name="a.conll")
    assert "in IOB1, read as BIO" in parsed.description[1]
    assert rows(parsed)[0].tags == ("B-X", "I-X", "B-X", "O")


@pytest.mark.parametrize("between", ["\t", " ", "   "])
def test_tabs_and_spaces_part_columns_alike(tmp_path: Path, between: str) -> None:
    text = f"Berlin{between}B-LOC\nis{between}O\n \t\nBonn{between}B-LOC\nto{between}O\n"
    assert [row.tokens for row in rows(read(tmp_path, text))] == [("Berlin", "is"), ("Bonn", "to")]


def test_a_tsv_of_words_with_tags_is_no_table(tmp_path: Path) -> None:
    text = "Berlin\tB-LOC\nis\tO\n\nin\tO\nGermany\tB-LOC\n"
    assert read(tmp_path, text, name="a.tsv").shape == "tagged"


def test_another_column_can_be_named_as_the_tags(tmp_path: Path) -> None:
    parsed = read(tmp_path, CONLL, columns={"tags": "column_3"}, format="tags")
    assert rows(parsed)[0].tags == ("B-NP", "B-VP", "B-NP", "I-NP", "O")


def test_a_line_with_another_number_of_columns_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a.conll line 2: got 1 column .*expected 2"):
        rows(read(tmp_path, "a O\nb\nc O\nd O\n", name="a.conll"))


@pytest.mark.parametrize(
    ("tags", "scheme", "expected"),
    [
        ("B-X I-X O B-Y", "BIO", "B-X I-X O B-Y"),
        ("I-X I-X B-X I-Y", "IOB1", "B-X I-X B-X B-Y"),
        ("B-X M-X E-X S-X O", "BIOES", "B-X I-X I-X B-X O"),
        ("I-X I-X O I-X I-Y", "IO", "B-X I-X O B-X B-Y"),
        ("B-X I-X E-X S-X O", "BIOES", "B-X I-X I-X B-X O"),
        ("B-X L-X U-Y O O", "BIOES", "B-X I-X B-Y O O"),
        ("X X O Y", "bare", "B-X I-X O B-Y"),
    ],
)
def test_every_scheme_becomes_bio(tags: str, scheme: str, expected: str) -> None:
    given = tags.split()
    assert scheme_of([given]) == scheme
    assert as_bio(given, scheme, given, where="here") == expected.split()


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B I I O B", "B-ENTITY I-ENTITY I-ENTITY O B-ENTITY"),
        ("b i o o b", "B-ENTITY I-ENTITY O O B-ENTITY"),
        ("B E O S O", "B-ENTITY I-ENTITY O B-ENTITY O"),
        ("I I O I O", "B-ENTITY I-ENTITY O B-ENTITY O"),
        ("B_PER I_PER O B_LOC O", "B-PER I-PER O B-LOC O"),
        ("b-per i-per o b-loc o", "B-per I-per O B-loc O"),
        ("PER-B PER-I O LOC-B O", "B-PER I-PER O B-LOC O"),
        ("PER_B PER_E O LOC_S O", "B-PER I-PER O B-LOC O"),
        ("name name O e-mail city", "B-name I-name O B-e-mail B-city"),
        ("H B O S G", "B-H B-B O B-S B-G"),
    ],
)
def test_marks_are_known_wherever_they_stand(tmp_path: Path, tags: str, expected: str) -> None:
    record = {"tokens": list("abcde"), "tags": tags.split()}
    parsed = read(tmp_path, lines(record), name="a.jsonl")
    assert rows(parsed)[0].tags == tuple(expected.split())
    assert "read as BIO" in parsed.description[1] or " as 'B-" in parsed.description[1]


@pytest.mark.parametrize("tags", ["per loc o o org", "PER LOC O B-ORG X", "B I O V B"])
def test_tags_of_which_some_look_like_marks_are_refused(tmp_path: Path, tags: str) -> None:
    record = {"tokens": list("abcde"), "tags": tags.split()}
    message = r"a.jsonl, tags such as .* look like marks.*\n.*Write B-TYPE"
    with pytest.raises(DataError, match=message):
        read(tmp_path, lines(record), name="a.jsonl")


def test_tags_that_break_bio_are_refused_with_line_and_word(tmp_path: Path) -> None:
    text = lines(
        {"tokens": ["a", "b"], "tags": ["B-X", "I-X"]},
        {"tokens": ["a", "b", "c"], "tags": ["B-X", "O", "I-X"]},
    )
    expected = r"a.jsonl line 2, tags, word 3 \('c'\): the tag 'I-X' goes on .*\n.*Write B-X"
    with pytest.raises(DataError, match=expected):
        read(tmp_path, text, name="a.jsonl")


@pytest.mark.parametrize(
    ("broken", "word", "says"),
    [
        ("S-X I-X O", 2, "goes on with an entity that has not begun"),
        ("E-X E-X O", 1, "goes on with an entity that has not begun"),
        ("B-X E-X E-X", 3, "goes on with an entity that has not begun"),
        ("B-X O O", 1, "is followed by no end of its entity"),
        ("B-X I-X B-X", 2, "is followed by no end of its entity"),
        ("B-X E-Y O", 1, "is followed by no end of its entity"),
        ("O O B-X", 3, "is followed by no end of its entity"),
    ],
)
def test_tags_that_break_bioes_are_refused_with_line_and_word(
    tmp_path: Path, broken: str, word: int, says: str
) -> None:
    good = {"tokens": ["a", "b", "c"], "tags": ["B-X", "E-X", "S-Y"]}
    text = lines(good, good, {"tokens": ["a", "b", "c"], "tags": broken.split()})
    with pytest.raises(DataError, match=rf"line 3, tags, word {word} .*{says}.*\n.*as BIOES"):
        read(tmp_path, text, name="a.jsonl")


def test_a_mark_of_another_scheme_is_refused_with_line_and_word(tmp_path: Path) -> None:
    good = {"tokens": ["a", "b"], "tags": ["B-X", "I-X"]}
    text = lines(good, good, {"tokens": ["a", "b"], "tags": ["O", "S-X"]})
    with pytest.raises(DataError, match=r"line 3, tags, word 2 .*'S-X' has a mark .*\n.*as BIO$"):
        read(tmp_path, text, name="a.jsonl")


def test_a_begin_too_many_in_iob1_begins_an_entity(tmp_path: Path) -> None:
    good = "a I-X\nb I-X\nc B-X\n\n"
    parsed = read(tmp_path, good * 3 + "a O\nb B-Y\nc I-Y\n", name="a.conll")
    assert rows(parsed)[-1].tags == ("O", "B-Y", "I-Y")


def test_the_scheme_is_told_from_all_sentences(tmp_path: Path) -> None:
    parsed = read(tmp_path, "a O\nb O\n\n" * 150 + "a S-X\nb O\n", name="a.conll")
    assert "in BIOES, read as BIO" in parsed.description[1]
    assert rows(parsed)[-1].tags == ("B-X", "O")


def test_a_type_with_a_space_is_one_word(tmp_path: Path) -> None:
    text = lines({"tokens": ["a", "b"], "tags": ["B-Some Place", "I-Some Place"]})
    assert rows(read(tmp_path, text, name="a.jsonl"))[0].tags == ("B-Some_Place", "I-Some_Place")


def test_a_tag_without_a_mark_among_marked_ones_is_refused_with_line_and_word(
    tmp_path: Path,
) -> None:
    text = lines(
        {"tokens": ["a", "b"], "tags": ["B-X", "I-X"]},
        {"tokens": ["a", "b"], "tags": ["O", "X"]},
    )
    with pytest.raises(DataError, match=r"line 2, tags, word 2 \('b'\): got the tag 'X', expected"):
        read(tmp_path, text, name="a.jsonl")


def test_words_and_tags_of_different_number_are_refused_with_the_line(tmp_path: Path) -> None:
    text = lines(
        {"tokens": ["a", "b"], "ner_tags": ["O", "O"]}, {"tokens": ["a", "b"], "ner_tags": ["O"]}
    )
    with pytest.raises(DataError, match=r"a.jsonl line 2, ner_tags: 1 tags for 2 words"):
        read(tmp_path, text, name="a.jsonl")


def test_numbers_in_place_of_tags_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"tags\[1\]: got 3 .*\n.*names"):
        read(tmp_path, lines({"tokens": ["a", "b"], "tags": ["O", 3]}), name="a.jsonl")


def test_texts_of_words_and_tags_are_read_alike(tmp_path: Path) -> None:
    parsed = read(tmp_path, "tokens,tags\nplay some jazz,O O B-genre\n", name="a.csv")
    assert rows(parsed)[0].tags == ("O", "O", "B-genre")


@pytest.mark.parametrize(
    "entities",
    [
        [{"start": 0, "end": 6, "label": "LOC"}, {"start": 10, "end": 22, "label": "Some Place"}],
        [[0, 6, "LOC"], [10, 22, "Some Place"]],
        [{"start_offset": 0, "end_offset": 6, "type": "LOC"}, [10, 22, "Some Place"]],
    ],
)
def test_spans_of_characters_become_tags_of_words(tmp_path: Path, entities: Any) -> None:
    parsed = read(tmp_path, lines({"text": "Berlin is Bad Godesberg.", "entities": entities}),
                  name="a.jsonl")  # fmt: skip
    (row,) = rows(parsed)
    assert row.tokens == ("Berlin", "is", "Bad", "Godesberg", ".")
    assert row.tags == ("B-LOC", "O", "B-Some_Place", "I-Some_Place", "O")
    assert row.placed() == ("Berlin is Bad Godesberg.", (0, 7, 10, 14, 23))
    assert "widened" in parsed.description[2]


@pytest.mark.parametrize(
    ("entity", "message"),
    [
        ({"start": 0, "end": 99, "label": "X"}, r"from 0 to 99, and the text has 9"),
        ({"start": 1, "end": 4, "label": "X", "text": "cat"}, r"'cat'.*'he '; it stands at 4"),
        ({"start": "a", "end": 4, "label": "X"}, "whole numbers"),
    ],
)
def test_spans_that_are_wrong_are_refused(tmp_path: Path, entity: Any, message: str) -> None:
    text = lines({"text": "the cat s", "entities": [entity]})
    with pytest.raises(DataError, match=rf"a.jsonl line 1, entities\[0\].*{message}"):
        read(tmp_path, text, name="a.jsonl")


def test_of_nested_entities_the_longer_one_is_kept_and_it_is_said(tmp_path: Path) -> None:
    spans = [{"start": 0, "end": 4, "label": "A"}, {"start": 0, "end": 9, "label": "B"}]
    parsed = read(tmp_path, lines({"text": "Bank of X", "entities": spans}), name="a.jsonl")
    assert rows(parsed)[0].tags == ("B-B", "I-B", "I-B")
    assert "an entity inside or across another left out" in parsed.description[2]


def test_rows_to_be_tagged_may_be_texts_or_words(tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    path.write_text(lines({"text": "Where is Bonn?"}, {"tokens": ["to", "Bonn"]}))
    found = read_asked(path, wants="tagged").rows
    assert [row.tokens for row in found] == [("Where", "is", "Bonn", "?"), ("to", "Bonn")]  # type: ignore[attr-defined]


def test_scripts_without_spaces_are_cut_by_character(tmp_path: Path) -> None:
    text = lines({"text": "我在北京 now", "entities": [[2, 4, "LOC"]]})
    assert rows(read(tmp_path, text, name="a.jsonl"))[0].tags == ("O", "O", "B-LOC", "I-LOC", "O")
