"""A conversation remembers what was said, and survives an answer that is cut short."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest
from tests import tiny

from luthier.core.errors import ModelError
from luthier.workflow.chat import Conversation


@pytest.fixture
def conversation() -> Conversation:
    run: Any = SimpleNamespace(bundle=tiny.bundle())
    return Conversation(run, system="Be brief.")


def roles(conversation: Conversation) -> list[str]:
    return [message.role for message in conversation.messages]


def test_both_turns_are_remembered(conversation: Conversation) -> None:
    answer = "".join(conversation.say("hello", max_new_tokens=5))
    assert roles(conversation) == ["system", "user", "assistant"]
    assert conversation.messages[-1].content == answer


def test_ctrl_c_ends_the_answer_and_what_was_said_is_remembered(
    conversation: Conversation,
) -> None:
    pieces: list[str] = []
    for piece in conversation.say("hello", max_new_tokens=100):
        pieces.append(piece)
        if len(pieces) == 3:
            os.kill(os.getpid(), signal.SIGINT)
    assert len(pieces) == 3
    assert conversation.was_stopped
    assert conversation.messages[-1].content == "".join(pieces)
    assert len(list(conversation.say("and now?", max_new_tokens=5))) > 0
    assert not conversation.was_stopped


def test_a_message_that_does_not_fit_is_forgotten(conversation: Conversation) -> None:
    with pytest.raises(ModelError, match="reads at most"):
        list(conversation.say("word " * 400))
    assert roles(conversation) == ["system"]
    list(conversation.say("hello", max_new_tokens=3))
    assert roles(conversation) == ["system", "user", "assistant"]


def test_forgetting_keeps_the_system_turn(conversation: Conversation) -> None:
    list(conversation.say("hello", max_new_tokens=3))
    conversation.forget()
    assert roles(conversation) == ["system"]
