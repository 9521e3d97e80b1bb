"""Cleaners: what they find, what they leave alone, and that every change is in the ledger."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from luthier.core.errors import DataError, RecipeError
from luthier.data.clean import asked_for, cleaned
from luthier.data.edits import Edit, edited
from luthier.data.ledger import Ledger
from luthier.data.load import Loaded, load, load_test
from luthier.data.rows import (
    Chat,
    Labeled,
    Message,
    Multilabeled,
    Origin,
    Preference,
    Question,
    Rated,
    Row,
    Span,
    SpanWeight,
    Tagged,
)
from luthier.recipe.schema import DataSection

AT = Origin("f", 1)


def labelled(*pairs: tuple[str, str]) -> list[Row]:
    return [
        Labeled(origin=Origin("f", at + 1), text=text, label=label)
        for at, (text, label) in enumerate(pairs)
    ]


def chat(asked: str, said: str) -> Row:
    return Chat(origin=AT, messages=(Message("user", asked), Message("assistant", said)))


def clean(
    rows: list[Row], beside: list[Row] | None = None, **said: Any
) -> tuple[list[Row], Ledger]:
    ledger = Ledger(rows_in=len(rows))
    kept = cleaned(rows, asked_for(said), ledger, beside=beside or [])
    ledger.use("train", len(kept))
    ledger.check()
    return list(kept), ledger


@given(
    text=st.text("abc ", min_size=12, max_size=12),
    cuts=st.lists(st.integers(0, 12), min_size=4, max_size=4, unique=True),
    puts=st.tuples(st.text("XY", max_size=4), st.text("XY", max_size=4)),
)
def test_what_is_outside_of_edits_is_found_where_it_moved(text, cuts, puts) -> None:
    a, b, c, d = sorted(cuts)
    new = edited(text, lambda _: [Edit(a, b, puts[0]), Edit(c, d, puts[1])])
    assert new.text == text[:a] + puts[0] + text[b:c] + puts[1] + text[d:]
    for start, end in ((0, a), (b, c), (d, 12)):
        for at in range(start, end):
            assert new.text[new.moved(at)] == text[at]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cafe\u0301 na\u00efve", "caf\u00e9 na\u00efve"),
        ("a\u00a0b\u2009c", "a b c"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("bell\x07 and\x00 nul", "bell and nul"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("  outer \t\n", "outer"),
        ("def f():\n    return  1   \n\n\tx", "def f():\n    return  1\n\n\tx"),
        (
            "\u0645\u06cc\u200c\u062e \U0001f468\u200d\U0001f469",
            "\u0645\u06cc\u200c\u062e \U0001f468\u200d\U0001f469",
        ),
    ],
)
def test_texts_are_put_in_order_and_what_has_a_meaning_stays(text: str, expected: str) -> None:
    (row,), ledger = clean(labelled((text, "a")), normalise=True)
    assert row.given() == expected
    assert sum(entry.count for entry in ledger.changed.values()) == (text != expected)


ODD = (
    "a1. \t\n\r\x07\x0b\x1f\x85\u00a0\u200b\u2028"
    "e\u0301\u0323\u1112\u1161\u11ab\uac00\u3099\u304b\u200d"
)


@given(st.text(ODD, max_size=12), st.booleans(), st.booleans(), st.booleans())
@example("Monday \x07 end", True, True, True)
@example("\u1112\u200b\u1161\u0301\u3099", True, True, False)
def test_what_was_put_in_order_is_in_order(
    text: str, unicode: bool, characters: bool, spaces: bool
) -> None:
    asked = {"unicode": unicode, "characters": characters, "spaces": spaces}
    (row,), _ = clean(labelled((f"x{text}x", "a")), normalise=asked)
    assert not clean([row], normalise=asked)[1].changed


def test_runs_of_spaces_become_one_where_that_is_asked() -> None:
    asked = {"spaces": True}
    (row,), _ = clean(
        labelled(("  Monday \x07 end\tof\x07\t\u00a0it  \n  x\x07y", "a")), normalise=asked
    )
    assert row.given() == "Monday end\tof it\n  xy"


def test_long_runs_of_white_space_are_walked_once() -> None:
    start = time.process_time()
    clean(
        labelled(("a" + " " * 200_000 + "b", "a"), ("a" + "\n" * 200_000 + "b", "a")),
        normalise={"spaces": True},
    )
    assert time.process_time() - start < 10  # from every place in them it is minutes


def test_characters_stay_where_that_is_asked() -> None:
    (row,), _ = clean(labelled((" a\u00a0b\u200bc ", "a")), normalise={"characters": False})
    assert row.given() == "a\u00a0b\u200bc"


def test_marks_of_templates_are_taken_out_and_answers_of_a_model_left_out() -> None:
    rows = [
        chat("Hi<|im_end|>", "<|im_start|>assistant\nHello</s>"),
        chat("Who?", "As an AI language model, I cannot have opinions."),
        chat("[INST] Sum", "a <- b; x = [1]"),
        chat("Is it an AI model?", "Yes, the vendor sells an AI model."),
        chat("Empty", "<|endoftext|>"),
    ]
    kept, ledger = clean(rows, artefacts=True)
    assert [row.target() for row in kept] == ["Hello", "a <- b; x = [1]", rows[3].target()]
    assert [row.given() for row in kept] == ["Hi", " Sum", rows[3].given()]
    assert {reason: entry.count for reason, entry in ledger.dropped.items()} == {
        "the target speaks of being a model": 1,
        "marks of a chat template, and nothing besides": 1,
    }
    assert len(clean(rows, artefacts={"marks": "drop", "phrases": "keep"})[0]) == 2


def test_the_later_of_similar_rows_goes_and_what_is_held_out_stays() -> None:
    rows = labelled(
        ("how do I change my pin number", "a"),
        ("how do I change my pin numbers", "a"),
        ("where is the nearest machine", "b"),
        ("where is the nearest machine", "c"),
    )
    kept, ledger = clean(rows, near_duplicates=0.8)
    assert kept == [rows[0], rows[2], rows[3]]
    assert ledger.dropped["near-duplicate of an earlier row"].examples == ["f line 2 (as f line 1)"]
    _, ledger = clean([*rows, rows[0]], near_duplicates=True)
    counts = {why: entry.count for why, entry in ledger.dropped.items()}
    assert counts == {"near-duplicate of an earlier row": 1, "exact duplicate of an earlier row": 1}
    held = labelled(("where is the nearest machine?", "b"))
    assert clean(rows, held, near_duplicates={"scope": "across"})[0] == [rows[0], rows[1], rows[3]]
    assert clean(rows, held, near_duplicates=True)[0] == [rows[0], rows[3]]


def test_outvoted_labels_of_equal_texts_go() -> None:
    rows = labelled(("Help me", "a"), ("help  me", "a"), ("HELP ME", "b"), ("x", "a"), ("x", "b"))
    kept, ledger = clean(rows, contradictions=True)
    assert kept == rows[:2]
    assert ledger.dropped["equal text with another label"].count == 3
    assert clean(rows, contradictions="none")[0] == []
    answers = [chat("Tell a joke", "One"), chat("Tell a joke", "Two")]
    assert clean(answers, contradictions=True)[0] == answers


def rated(asked: str, said: str, is_good: bool, system: str = "") -> Row:
    turns = (Message("user", asked), Message("assistant", said))
    first = (Message("system", system),) if system else ()
    return Rated(origin=AT, messages=(*first, *turns), is_good=is_good)


def calling(name: str, is_good: bool) -> Row:
    call = {"type": "function", "function": {"name": name, "arguments": {}}}
    turns = (Message("user", "look it up"), Message("assistant", "", tool_calls=(call,)))
    return Rated(origin=AT, messages=turns, is_good=is_good)


def test_only_the_same_answer_to_the_same_prompt_is_good_and_bad_in_contradiction() -> None:
    fine = [
        rated("x", "one", True), rated("x", "two", False),
        rated("y", "Yes", True), rated("y", "yes", False),
        rated("z", "so", True, system="be brief"), rated("z", "so", False, system="be kind"),
        calling("search", True), calling("delete", False),
    ]  # fmt: skip
    assert clean(fine, contradictions=True)[0] == fine
    twice = rated("x", "one", False)
    assert clean([*fine, twice], contradictions=True)[0] == fine[1:]
    assert clean([*fine, fine[0], twice], contradictions=True)[0] == [*fine, fine[0]]


def test_the_same_two_answers_preferred_the_other_way_round_contradict_each_other() -> None:
    def pair(better: str, worse: str, margin: float = 0.0) -> Row:
        chosen, rejected = (Message("assistant", better),), (Message("assistant", worse),)
        asked = (Message("user", "x"),)
        return Preference(
            origin=AT, messages=asked, chosen=chosen, rejected=rejected, margin=margin
        )

    fine = [pair("a", "b"), pair("b", "c"), pair("c", "a")]
    assert clean(fine, contradictions=True)[0] == fine
    kept, ledger = clean([*fine, pair("b", "a", 0.5)], contradictions=True)
    assert kept == fine[1:]
    assert ledger.dropped["equal answers, preferred the other way round"].count == 2
    assert clean([*fine, pair("b", "a"), pair("a", "b", 1.0)], contradictions=True)[0] == [
        *fine, pair("a", "b", 1.0),
    ]  # fmt: skip


def test_spellings_of_a_label_become_the_most_frequent_one() -> None:
    rows = labelled(*[("t", "refund")] * 3, ("u", "Refund "), ("v", "REFUNDS"), ("w", "address"))
    kept, ledger = clean(rows, label_spellings=True)
    assert [row.stratum() for row in kept] == ["refund"] * 5 + ["address"]
    assert ledger.changed["label 'REFUNDS' is 'refund'"].count == 1
    several: list[Row] = [Multilabeled(origin=AT, text="t", labels=("B", "b", "c"))] * 2
    assert clean(several, label_spellings={"names": {"c": "d"}, "alike": False})[0][0].brings() == (
        *("B", "b", "d"),
    )


@pytest.mark.parametrize(
    ("labels", "said", "expected"),
    [
        (["NA\u00cfVE", "NA\u00cfVE", "na\u00efve"], {"na\u00efve": "plain"}, ["plain"] * 3),
        (["a\u2013b", "a\u2014b", "a-b", "a-b"], {}, ["a-b"] * 4),
        (["\u00c4pfel", "A\u0308pfel", "\u00c4pfel"], {}, ["\u00c4pfel"] * 3),
        (["refund", "Refunds", "refund"], {"Refunds": "Refund"}, ["Refund"] * 3),
        (["grill", "vegan", "vegan", "VEGAN"], {"grill": "Vegan"}, ["Vegan"] * 4),
        (["a", "b", "A"], {"a": "b", "b": "a"}, ["b", "a", "b"]),
    ],
)
def test_a_name_is_meant_however_it_is_spelled(
    labels: list[str], said: dict[str, str], expected: list[str]
) -> None:
    rows = labelled(*((f"t{at}", label) for at, label in enumerate(labels)))
    kept, _ = clean(rows, label_spellings={"names": said})
    assert [row.stratum() for row in kept] == expected


def test_names_alone_are_taken_letter_by_letter_and_marks_with_them() -> None:
    rows = labelled(("a", "A\u0308pfel"), ("b", "\u00e4pfel"), ("c", "nuts"))
    names = {"\u00c4pfel": "fruit"}
    kept, ledger = clean(rows, label_spellings={"names": names, "alike": False})
    assert [row.stratum() for row in kept] == ["fruit", "\u00e4pfel", "nuts"]
    assert list(ledger.changed) == ["label 'A\\u0308pfel' is 'fruit'"]


def test_a_label_that_no_row_has_is_named_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": f"t{n}", "label": "ab"[n % 2] * 4}) + "\n"
                            for n in range(40)))  # fmt: skip
    said: dict[str, Any] = {"label_spellings": {"names": {"aaab": "x"}, "alike": False}}
    with pytest.raises(DataError, match="no row has the label 'aaab'; did you mean 'aaaa'"):
        load(DataSection(train=str(path), clean=said), seed=0)
    with pytest.raises(RecipeError, match=r"data\.clean\.label_spellings"):
        asked_for({"label_spellings": {"names": {"aaaa": " "}}})


def test_labels_are_spelled_alike_in_all_files(tmp_path: Path) -> None:
    """In those for the test another spelling may be the more frequent one."""
    for name, label, number in (("train", "refund", 40), ("test", "Refund", 4)):
        rows = [{"text": f"{name} {n}", "label": ("other", label)[n % 2]} for n in range(number)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    section = DataSection(
        train=str(tmp_path / "train.jsonl"),
        test=str(tmp_path / "test.jsonl"),
        clean={"label_spellings": True},
    )
    found = load(section, seed=0)
    assert {row.target() for row in found.splits.test} == {"refund", "other"}
    later = section.model_copy(update={"train": "gone"})
    assert {row.target() for row in load_test(later, found).splits.test} == {"refund", "other"}


def test_labels_of_a_row_that_become_one_are_one() -> None:
    rows: list[Row] = [
        Multilabeled(origin=AT, text="a", labels=("dog", "Dog", "cat")),
        Multilabeled(origin=AT, text="b", labels=("cat", "dog")),
    ]
    kept, ledger = clean(rows, label_spellings=True)
    assert [row.brings() for row in kept] == [("cat", "dog")] * 2
    assert {why: entry.count for why, entry in ledger.changed.items()} == {
        "label 'Dog' is 'dog'": 1
    }
    joined = clean(rows[1:], label_spellings={"names": {"dog": "animal", "cat": "animal"}})
    assert [row.brings() for row in joined[0]] == [("animal",)]


@pytest.mark.parametrize("labels", ["-1 0 1", "\u22121 1", "A A- B B-", "- _", "+ -"])
def test_a_mark_at_an_end_of_a_label_tells_it_from_another(labels: str) -> None:
    rows = labelled(*((f"text {name}", name) for name in labels.split()))
    assert not clean(rows, label_spellings=True)[1].changed


def test_one_picture_with_two_labels_is_a_contradiction() -> None:
    rows: list[Row] = [
        Labeled(origin=AT, text="", label=label, picture=name, digest=digest)
        for name, digest, label in [("a", "1", "cat"), ("b", "1", "dog"), ("c", "2", "dog")]
    ]
    assert clean(rows, contradictions=True)[0] == rows[2:]


def test_rows_with_hardly_anything_in_them_go() -> None:
    rows = [*labelled(("?!", "a"), ("ok", "a")), chat("What?", "..."), chat("What?", "7")]
    assert clean(rows, short_texts=True)[0] == [rows[1], rows[3]]
    assert clean(rows, short_texts=3)[0] == [rows[1]]


def test_personal_data_is_masked_alike_within_a_row_or_the_row_goes() -> None:
    call = {"name": "mail", "arguments": {"to": "eva@example.org"}}
    said = Message(
        "assistant", "Sent to eva@example.org, not to max@example.com.", tool_calls=(call,)
    )
    rows: list[Row] = [
        Chat(origin=AT, messages=(Message("user", "Write to eva@example.org"), said)),
        chat("Nothing here", "at all"),
    ]
    (first, other), ledger = clean(rows, personal=True)
    assert first.given() == "Write to [EMAIL_1]"
    assert first.target() == "Sent to [EMAIL_1], not to [EMAIL_2]."
    assert isinstance(first, Chat)
    assert first.messages[1].tool_calls[0]["arguments"] == {"to": "[EMAIL_1]"}
    assert other == rows[1]
    assert ledger.changed["personal data (EMAIL)"].count == 1
    assert clean(rows, personal="drop")[0] == [rows[1]]
    assert clean(rows, personal={"kinds": ["iban"]})[0] == rows
    with pytest.raises(RecipeError, match=r"clean\.personal\.kinds.*unknown kind 'mail'.*'email'"):
        clean(rows, personal={"kinds": ["mail"]})
    with pytest.raises(RecipeError, match=r"'mail'.*'email'.*'fone'.*'phone'"):
        clean(rows, personal={"kinds": ["mail", "ip", "fone"]})


def test_places_in_texts_follow_what_is_masked() -> None:
    text = "write eva@example.org or ask Ada Lovelace now"
    context = Question(
        origin=AT, question="Who?", context=text, answers=(Span(text.index("Ada"), "Ada Lovelace"),)
    )
    tags = ("O", "B-MAIL", "O", "O", "B-PER", "I-PER", "O")
    words = Tagged(origin=AT, tokens=tuple(text.split()), tags=tags)
    turn = Message("assistant", text, spans=(SpanWeight(text.index("Ada"), len(text), 0.5),))
    spoken = Chat(origin=AT, messages=(Message("user", "Who?"), turn))
    (one, two, three), _ = clean([context, words, spoken], personal=True)
    masked = "write [EMAIL_1] or ask Ada Lovelace now"
    assert isinstance(one, Question)
    assert (one.context, one.answers) == (masked, (Span(masked.index("Ada"), "Ada Lovelace"),))
    assert isinstance(two, Tagged)
    assert (two.tokens, two.tags) == (tuple(masked.split()), tags)
    assert isinstance(three, Chat)
    (span,) = three.messages[1].spans
    assert masked[span.start : span.end] == "Ada Lovelace now"


def test_an_entity_that_loses_its_first_word_begins_at_the_next() -> None:
    row = Tagged(origin=AT, tokens=("a", "\u200b", "York", "b"), tags=("O", "B-L", "I-L", "O"))
    (new,), _ = clean([row], normalise=True)
    assert isinstance(new, Tagged)
    assert (new.tokens, new.tags) == (("a", "York", "b"), ("O", "B-L", "O"))


def write(path: Path, rows: list[tuple[str, str]]) -> str:
    path.write_text("".join(json.dumps({"text": t, "label": n}) + "\n" for t, n in rows))
    return str(path)


def loaded(**section: Any) -> Loaded:
    return load(DataSection(**section), seed=0)


def test_a_recipe_cleans_before_rows_are_split_and_leaves_given_tests_whole(tmp_path: Path) -> None:
    train = [
        (f"thing number {n * 7919} is {'good' if n % 2 else 'bad'}", f"{n % 2}") for n in range(60)
    ]
    train += [("call eva@example.org about it", "1"), ("?", "0")]
    test = [("thing write to max@example.org", "0"), ("!", "1"), ("thing number 1", "1")]
    found = loaded(
        train=write(tmp_path / "a.jsonl", train),
        test=write(tmp_path / "b.jsonl", test),
        clean={"personal": True, "short_texts": True, "near_duplicates": False},
    )
    texts = [row.given() for row in (*found.splits.train, *found.splits.validation)]
    assert "call [EMAIL_1] about it" in texts
    assert "?" not in texts
    assert [row.given() for row in found.splits.test] == [
        *("thing write to [EMAIL_1]", "!", "thing number 1")
    ]
    said = "\n".join(found.description)
    assert f"changed: 2 rows, personal data (EMAIL), such as {tmp_path / 'b.jsonl'} line 1" in said
    assert f"left out: 1 row, hardly anything given, such as {tmp_path / 'a.jsonl'} line 62" in said
    document = found.ledger.document()["rows"]
    assert document["changed"]["personal data (EMAIL)"]["count"] == 2
    assert document["dropped"] == {
        "hardly anything given": {"count": 1, "examples": [f"{tmp_path / 'a.jsonl'} line 62"]}
    }
    assert set(found.files) == {str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")}


def test_cleaning_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.clean: not one row of train is left.*\n.*hardly"):
        loaded(
            train=write(tmp_path / "a.jsonl", [("?", "a"), ("!", "b")]), clean={"short_texts": True}
        )
