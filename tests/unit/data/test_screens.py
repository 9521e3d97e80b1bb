"""What stands against a question that was made from a passage."""

from __future__ import annotations

import pytest

from luthier.data.screens import Made, screens

PASSAGE = (
    "The bridge of Kalix was opened in 1,957 and is 290 metres long. Ships may not pass beneath it "
    "in winter. Das Brückengeld beträgt 2,5 Kronen."
)


def objection(name: str, question: str, answer: str, again: str = "", *, free: bool = False) -> str:
    return screens.get(name)().objection(Made(question, answer, PASSAGE, free, again))


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        ("290 metres", "It is 290 metres long."),
        ("1957", "In 1,957."),
        ("The bridge of Kalix", "the Kalix bridge"),
        ("2.5 Kronen", "2,5 Kronen"),
        ("No", "No, they may not."),
        ("橋は長い", "橋は長い。"),
    ],
)
def test_answers_that_say_the_same_agree(answer: str, again: str) -> None:
    assert objection("round_trip", "How is it?", answer, again) == ""


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        ("14 days of rain", "30 days of rain"),
        ("Ships may pass beneath it", "Ships may not pass beneath it"),
        ("Yes", "No"),
        ("the bridge", "the harbour"),
        ("290 metres", "NOT IN THE PASSAGE"),
        ("290 metres", ""),
    ],
)
def test_answers_that_say_something_else_do_not(answer: str, again: str) -> None:
    assert objection("round_trip", "How is it?", answer, again)


@pytest.mark.parametrize(
    "question",
    [
        "According to the passage, how long is the bridge?",
        "What does the author of this article say about bridges?",
        "Welche Brücke wird im Text genannt?",
        "Quelle est la longueur selon le texte ?",
        "¿Qué puente es según el texto?",
        "What did he do there?",
    ],
)
def test_questions_that_need_the_passage_are_told(question: str) -> None:
    assert objection("self_contained", question, "290 metres")


@pytest.mark.parametrize(
    "question",
    ["How long is the bridge of Kalix?", "How is a text field added?", "What happened in 1957?"],
)
def test_questions_that_stand_alone_are_not(question: str) -> None:
    assert objection("self_contained", question, "290 metres") == ""


def test_numbers_and_words_of_an_answer_must_stand_in_the_passage() -> None:
    assert objection("grounded", "When was it opened?", "In 1957") == ""
    assert "1958" in objection("grounded", "When was it opened?", "In 1958")
    assert objection("grounded", "What opened?", "The bridges of Kalix") == ""
    assert "tunnel" in objection("grounded", "What opened?", "The railway tunnel of Haparanda")


def test_an_answer_that_its_question_holds_is_told_unless_it_is_a_choice() -> None:
    assert objection("given_away", "Is the bridge of Kalix a bridge?", "the bridge of Kalix")
    assert objection("given_away", "Is it a bridge or a tunnel?", "a bridge") == ""
    assert objection("given_away", "May ships pass in winter?", "No") == ""


def test_responses_may_use_words_of_their_own() -> None:
    response = "In winter ships stop and wait, as the bridge of Kalix is shut."
    assert objection("grounded", "Explain the rule for ships.", response)
    assert objection("grounded", "Explain the rule for ships.", response, free=True) == ""
    again = "In winter ships may not pass the bridge of Kalix."
    assert objection("round_trip", "Explain the rule.", response, again, free=True) == ""
