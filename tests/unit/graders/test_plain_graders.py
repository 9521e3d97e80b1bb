"""Graders that compare texts: what scores and what does not, and settings that cannot be."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from luthier.core.errors import DataError, RecipeError
from luthier.data.rows import Message
from luthier.graders import Answer, Score, build_grader, check_grader


def answer(completion: str, reference: str = "", **fields: Any) -> Answer:
    asked = (Message("user", "What is it?"),)
    return Answer(messages=asked, completion=completion, reference=reference, fields=fields,
                  origin="rows.jsonl line 4")  # fmt: skip


def score(completion: str, reference: str = "", **settings: Any) -> float:
    return build_grader(settings).grade([answer(completion, reference)])[0].value


@pytest.mark.parametrize(
    ("completion", "settings", "expected"),
    [
        ("  Paris. ", {}, 1.0),
        ("paris, France", {}, 0.0),
        ("  Paris. ", {"compare": "literal"}, 0.0),
        ("It is Paris", {"where": "end"}, 1.0),
        ("Paris it is", {"where": "anywhere"}, 1.0),
    ],
)
def test_exact_compares_as_asked(
    completion: str, settings: dict[str, Any], expected: float
) -> None:
    assert score(completion, "Paris", name="exact", **settings) == expected


@pytest.mark.parametrize(
    ("completion", "reference", "where", "expected"),
    [
        ("It is 12", "2", "end", 0.0),
        ("It is 1.2", "2", "end", 0.0),
        ("It is 2.", "2", "end", 1.0),
        ("Of 12, 2 are left", "2", "anywhere", 1.0),
        ("2.5 are left", "2", "anywhere", 0.0),
        ("They disagree", "agree", "end", 0.0),
        ("To disagree or to agree, that is it", "agree", "anywhere", 1.0),
        ("It costs US$5", "$5", "end", 1.0),
        ("100%!", "100%", "anywhere", 1.0),
        ("\u7b54\u6848\u662f\u5317\u4eac", "\u5317\u4eac", "end", 1.0),  # no spaces there
    ],
)
def test_exact_finds_whole_words_only(
    completion: str, reference: str, where: str, expected: float
) -> None:
    assert score(completion, reference, name="exact", where=where) == expected


@pytest.mark.parametrize(
    ("completion", "settings", "expected"),
    [
        ("3 + 4 = 7", {}, 1.0),
        ("7 is 3 + 4", {}, 0.0),
        ("7 is 3 + 4", {"take": "first"}, 1.0),
        ("3 + 4 = 7", {"take": "only"}, 0.0),
        ("7", {"take": "only"}, 1.0),
        ("it is 8 #### 7", {"after": "####"}, 1.0),
        ("it is 7", {"after": "####"}, 0.0),
        ("7.4", {"tolerance": 0.5}, 1.0),
        ("10-7", {}, 1.0),
        ("-7", {}, 0.0),
        ("none", {}, 0.0),
    ],
)
def test_number_finds_the_number_that_counts(
    completion: str, settings: dict[str, Any], expected: float
) -> None:
    assert score(completion, "so it is #### 7", name="number", **settings) == expected


def test_number_reads_thousands_and_fractions() -> None:
    assert score("about 1,234,567.5 people", "1234567.5", name="number") == 1.0


def test_number_names_the_row_whose_reference_holds_none() -> None:
    with pytest.raises(DataError, match=r"rows.jsonl line 4: the right answer 'seven' holds no"):
        check_grader(build_grader({"name": "number"}), [answer("", "seven")])


def test_a_missing_reference_is_named_before_anything_is_graded() -> None:
    rows = [answer("", "x"), answer("", " ")]
    with pytest.raises(DataError, match=r"line 4: no right answer.*'exact'.*1 of 2 rows"):
        check_grader(build_grader({"name": "exact"}), rows)


def test_regex_takes_the_form_and_may_compare_a_group() -> None:
    plain = {"name": "regex", "pattern": r"<answer>(.*)</answer>"}
    assert score("<answer>Yes.</answer>", "no", **plain) == 1.0
    assert score("<answer>Yes.</answer>", "yes", group=1, **plain) == 1.0
    assert score("<answer>Yes.</answer>", "no", group=1, **plain) == 0.0
    assert score("so <answer>yes</answer>", where="whole", **plain) == 0.0


def test_a_pattern_that_does_not_compile_is_refused_with_the_reason() -> None:
    with pytest.raises(RecipeError, match=r"grader.pattern: got '\(a', expected a regular.*at pos"):
        build_grader({"name": "regex", "pattern": "(a"})


def test_a_pattern_that_never_ends_is_stopped_and_named() -> None:
    grader = build_grader({"name": "regex", "pattern": "^(a|aa)+$", "seconds": 0.1})
    with pytest.raises(RecipeError, match=r"took more than 0.1 s .* \(rows.jsonl line 4\)"):
        grader.grade([answer("a" * 60 + "b")])


def test_a_group_that_the_pattern_lacks_is_refused() -> None:
    grader = build_grader({"name": "regex", "pattern": "a", "group": 2})
    with pytest.raises(RecipeError, match=r"got 2, but the pattern has 0 groups"):
        check_grader(grader, [answer("", "a")])


def test_length_is_full_within_the_range_and_falls_outside() -> None:
    settings: dict[str, Any] = {"name": "length", "least": 2, "most": 4, "fade": 4}
    found = [score("word " * count, **settings) for count in (1, 2, 4, 6, 9)]
    assert found == [0.75, 1.0, 1.0, 0.5, 0.0]


def test_length_refuses_a_range_that_holds_nothing() -> None:
    with pytest.raises(RecipeError, match="least 9 is above most 4"):
        build_grader({"name": "length", "least": 9, "most": 4})


@pytest.mark.parametrize("measure", ["rouge_l", "edit", "words"])
def test_similarity_orders_answers(measure: str) -> None:
    said = ["red green blue", "red green pink", "dog"]
    found = [score(text, "red green blue", name="similarity", measure=measure) for text in said]
    assert found[0] == 1.0
    assert found == sorted(found, reverse=True)
    assert found[2] < 0.35


@pytest.mark.parametrize(
    ("said", "wanted", "expected"),
    [("Привет, мир", "Привет, мир", 1.0), ("Größe", "Grüße", 0.0), ("東京です", "京都です", 0.75)],
)
def test_rouge_l_reads_any_script(said: str, wanted: str, expected: float) -> None:
    assert score(said, wanted, name="similarity") == pytest.approx(expected)


RULES = {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ('{"a": 1}', 1.0),
        ('Sure:\n```json\n{"a": 1}\n```', 1.0),
        ('{"a": "1"}', 0.0),
        ("{a: 1}", 0.0),
        ('{"a": NaN}', 0.0),
        ("", 0.0),
    ],
)
def test_json_schema_takes_what_the_schema_allows(completion: str, expected: float) -> None:
    assert score(completion, name="json_schema", rules=RULES) == expected


def test_json_schema_counts_right_values_by_their_share() -> None:
    grader = build_grader({"name": "json_schema", "rules": {"type": "object"}, "values": 0.5})
    found = grader.grade([answer('{"a": 1, "b": 3}', '{"a": 1, "b": 2}')])[0]
    assert found.value == pytest.approx(0.75)
    assert found.parts == {"valid": 1.0, "values": 0.5}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rules": {"type": "objekt"}}, "rules are no JSON Schema: type: 'objekt'"),
        ({}, "expected one of rules, file and column"),
    ],
)
def test_a_schema_that_is_none_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build_grader({"name": "json_schema", **settings})


LOST = {"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}
AWAY = {"$defs": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}, "type": "object"}
WITHIN = {"$defs": {"b": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/b"}}}


@pytest.mark.parametrize(("rules", "name"), [(LOST, "#/\\$defs/b"), (AWAY, "http://127.0.0.1:9/")])
def test_a_reference_that_leads_nowhere_is_refused_and_nothing_is_fetched(
    rules: dict[str, Any], name: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=rf"\$ref '{name}.* leads nowhere"):
        build_grader({"name": "json_schema", "rules": rules})
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(rules))
    with pytest.raises(RecipeError, match=rf"schema.json: \$ref '{name}"):
        check_grader(build_grader({"name": "json_schema", "file": str(file)}), [answer("")])


def test_a_reference_within_the_schema_is_followed() -> None:
    assert score('{"a": 1}', name="json_schema", rules=WITHIN) == 1.0
    assert score('{"a": "1"}', name="json_schema", rules=WITHIN) == 0.0
    hidden = {"x": {"b": {"$ref": "#/gone"}}, "properties": {"a": {"$ref": "#/x/b"}}}
    with pytest.raises(RecipeError, match=r"line 4\): \$ref '/gone' leads nowhere"):
        score('{"a": 1}', name="json_schema", rules=hidden)


def test_a_schema_of_a_row_is_used_for_that_row_and_named_when_broken() -> None:
    grader = build_grader({"name": "json_schema", "column": "form"})
    rows = [answer("3", form='{"type": "integer"}'), answer("3", form={"type": "string"})]
    assert [item.value for item in grader.grade(rows)] == [1.0, 0.0]
    with pytest.raises(DataError, match=r"rows.jsonl line 4, form: got 'x', expected JSON"):
        check_grader(grader, [answer("", form="x")])


def test_multi_weighs_its_parts_and_shows_them() -> None:
    parts = [{"name": "exact", "weight": 3}, {"name": "length", "most": 1, "fade": 0}]
    grader = build_grader({"name": "multi", "graders": parts})
    found = grader.grade([answer("yes it is", "yes it is"), answer("yes", "no")])
    assert [item.value for item in found] == [0.75, 0.25]
    assert found[0].parts == {"exact": 1.0, "length": 0.0}
    assert grader.bounds() == (0.0, 1.0)


def test_multi_names_the_part_that_is_wrong() -> None:
    with pytest.raises(RecipeError, match=r"grader.graders.0.whree: unknown key"):
        build_grader({"name": "multi", "graders": [{"name": "exact", "whree": "end"}]})
    with pytest.raises(RecipeError, match=r"grader.graders.0.weight: got 0"):
        build_grader({"name": "multi", "graders": [{"name": "exact", "weight": 0}]})
    grader = build_grader({"name": "multi", "graders": [{"name": "exact"}]})
    with pytest.raises(DataError, match="no right answer"):
        check_grader(grader, [answer("")])


class Fixed:
    """Gives everything the same score."""

    def __init__(self, value: float) -> None:
        self.value = value

    def grade(self, answers: Any) -> list[Score]:
        return [Score(self.value) for _ in answers]


@pytest.mark.parametrize("values", [(math.nan, 1.0), (0.0, math.nan), (math.inf, 0.0)])
@pytest.mark.parametrize("combine", ["mean", "sum", "product", "least"])
def test_multi_hides_no_score_that_is_not_a_number(
    combine: str, values: tuple[float, float]
) -> None:
    parts = [{"name": "length"}, {"name": "length"}]
    grader = build_grader({"name": "multi", "graders": parts, "combine": combine})
    grader.parts = [(Fixed(value), 1.0) for value in values]
    assert math.isnan(grader.grade([answer("x")])[0].value)


def test_an_unknown_grader_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(RecipeError, match="did you mean 'number'"):
        build_grader({"name": "numbr"})
