"""Prompts to scored completions: what objectives share that learn from the model's own answers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from luthier.core.config import ComponentConfig
from luthier.core.errors import DataError, RecipeError
from luthier.data.features import Features
from luthier.data.rows import Chat, Message, Prompt, Row
from luthier.generation import Completion, generate
from luthier.graders import Answer, Grader, Review, Score, check_grader, review
from luthier.graders.number import is_number
from luthier.models.bundle import Bundle, Codec
from luthier.objectives._others import BASE
from luthier.objectives.contract import Loss

NUM_TRIED = 8
"""Prompts that a grader is tried on before training."""
_ROW = "row"


class RolloutConfig(ComponentConfig):
    """How completions are written and scored."""

    grader: dict[str, Any] | str = "auto"
    """`name` of the grader and its settings; its name alone, or that of a Python file; auto: number
    where every right answer is one, or ends in one behind "####" or "="; else exact."""
    max_new_tokens: int = Field(128, ge=1)
    """Longest completion; what goes on beyond it is cut there."""
    temperature: float = Field(1.0, gt=0)
    """How freely completions are drawn; the loss sees the same temperature."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Draw among the fewest tokens that hold this share of the probability."""
    beta: float = Field(0.04, ge=0)
    """Weight of the divergence from the model before tuning; 0: nobody asks that model."""
    reference: str = BASE
    """What the divergence is from. base: the model before tuning; else another one with the same
    tokens, by hub name, folder, .gguf file, pypi:PACKAGE or alias: it stays in memory beside the
    model that learns, and so any tuner will do, also one that does not keep its base."""

    @field_validator("grader")
    @classmethod
    def _named(cls, value: dict[str, Any] | str) -> dict[str, Any] | str:
        return value if value == "auto" or not isinstance(value, str) else {"name": value}

    @model_validator(mode="after")
    def _compares_with_something(self) -> Self:
        if self.reference != BASE and not self.beta:
            raise ValueError(
                f"reference: got '{self.reference}', but with beta 0 nothing is compared with it. "
                "Leave it out, or set beta above 0"
            )
        return self

    @property
    def chosen_grader(self) -> dict[str, Any]:
        """Name and settings of the grader; empty while nobody chose one."""
        return {} if isinstance(self.grader, str) else self.grader


@dataclass(frozen=True, slots=True)
class Rollout:
    """One completion of one prompt."""

    prompt: Features
    completion: Completion
    answer: Answer
    score: Score

    @property
    def reward(self) -> float:
        return self.score.value

    @property
    def ids(self) -> NDArray[np.int32]:
        """What was written, the end of the turn included where the model gave it."""
        end = [self.completion.end_id] if self.completion.finished else []
        return np.concatenate([self.completion.ids, np.array(end, np.int32)])

    def record(self, **more: Any) -> dict[str, Any]:
        """As it is kept in the run directory."""
        return {
            "row": self.prompt.row,
            "prompt": self.answer.prompt,
            "completion": self.completion.text,
            "score": self.reward,
            "tokens": len(self.ids),
            "truncated": not self.completion.finished,
            **({"problem": self.score.problem} if self.score.problem else {}),
            **({"parts": dict(self.score.parts)} if self.score.parts else {}),
            **more,
        }


def choose_grader(rows: Sequence[Row]) -> tuple[dict[str, Any], str]:
    """A grader for rows with right answers, and why it is that one.

    Raises: RecipeError: some have none.
    """
    right = [row.target() for row in rows]
    if not right or not all(text.strip() for text in right):
        raise RecipeError(
            "recipe objective.grader: the rows have no right answers to compare with, so say how a "
            "completion is scored: objective.grader = {name: regex, pattern: ...} or "
            "{name: python, path: mine.py} (all: luthier list; docs/graders.md)"
        )
    if all(is_number(text) for text in right):
        return {"name": "number"}, "every right answer is a number, or ends in one behind #### or ="
    return {"name": "exact"}, "the rows have right answers"


def prompt_features(row: Row, codec: Codec, *, index: int) -> Features:
    """The prompt as tokens; what graders want to know of the row travels beside it."""
    assert isinstance(row, Prompt)
    shown = Chat(origin=row.origin, messages=row.messages, tools=row.tools)
    known = {
        "messages": [{"role": turn.role, "content": turn.content} for turn in row.messages],
        "reference": row.reference,
        "fields": row.fields,
        "origin": str(row.origin),
    }
    text = json.dumps(known, default=str).encode()
    arrays = {_ROW: np.frombuffer(text, np.uint8)}
    return Features(index, codec.prompt(row.messages, shown), arrays=arrays)


def asked(features: Features) -> Answer:
    """The row behind the prompt, not answered yet."""
    known = json.loads(features.arrays[_ROW].tobytes())
    turns: list[dict[str, Any]] = known["messages"]
    return Answer(
        messages=tuple(Message(turn["role"], turn["content"]) for turn in turns),
        completion="",
        reference=known["reference"],
        fields=known["fields"],
        origin=known["origin"],
    )


def roll_out(
    policy: Bundle,
    grader: Grader,
    prompts: Sequence[Features],
    config: RolloutConfig,
    *,
    seed: int,
    times: int = 1,
    greedy: bool = False,
) -> list[Rollout]:
    """Completions with their scores, `times` for each prompt, side by side.

    Raises: DataError: a score is not a finite number. LuthierError: as the grader.
    """
    repeated = [item for item in prompts for _ in range(times)]
    found = generate(
        policy,
        [item.input_ids for item in repeated],
        max_new_tokens=config.max_new_tokens,
        temperature=0.0 if greedy else config.temperature,
        top_p=config.top_p,
        seed=seed,
    )
    if not any(len(said.logprobs) for said in found):
        raise DataError(
            f"{asked(prompts[0]).origin}: the prompt and all others of this update fill the whole "
            "context of the model, which leaves no room for an answer. Shorten them"
        )
    known = [row for item in prompts for row in [asked(item)] * times]
    answers = [
        replace(row, completion=said.text, num_tokens=len(said.ids))
        for row, said in zip(known, found, strict=True)
    ]
    scores = grader.grade(answers)
    for answer, score in zip(answers, scores, strict=True):
        if not math.isfinite(score.value):
            raise _not_a_number(grader, answer, score)
    return [Rollout(*item) for item in zip(repeated, found, answers, scores, strict=True)]


def vet(
    grader: Grader, prompts: Sequence[Features], config: RolloutConfig, *, context: int
) -> list[str]:
    """What a user should know before `grader` scores completions of these prompts.

    Raises: RecipeError: no prompt leaves room for the longest completion. LuthierError: as the
        grader.
    """
    lengths, longest = [item.num_tokens for item in prompts], config.max_new_tokens
    if min(lengths) + longest > context:
        raise RecipeError(
            f"recipe objective.max_new_tokens: got {longest}, but prompt and completion share a "
            f"context of {context} tokens, and the shortest prompt takes {min(lengths)}. Use at "
            f"most {max(context - max(lengths), 1)}."
        )
    notes = check_grader(grader, [asked(item) for item in prompts])
    cut = sum(length + longest > context for length in lengths)
    if cut:
        notes.append(
            f"{cut} of {len(lengths)} prompts leave less than objective.max_new_tokens ({longest}) "
            f"of the context of {context} tokens: what the model writes is cut there"
        )
    return notes


def try_out(
    policy: Bundle,
    grader: Grader,
    prompts: Sequence[Features],
    config: RolloutConfig,
    *,
    seed: int,
    times: int,
) -> Review:
    """What the grader makes of the model's answers to a few prompts.

    Raises: LuthierError: it is broken.
    """
    some = prompts[:NUM_TRIED]
    rollouts = roll_out(policy, grader, some, config, seed=seed, times=max(times, 2))
    found = review(
        [item.answer for item in rollouts],
        [item.score for item in rollouts],
        bounds=grader.bounds(),
    )
    if found.is_broken:
        broken = next(item for item in found.findings if item.level == "broken")
        raise DataError(
            f"recipe objective.grader: {broken.text}.\n"
            "    Nothing was trained. Try it by itself: luthier grade FILE --grader NAME --model M"
        )
    cut = [not item.completion.finished for item in rollouts]
    return replace(found, cut_share=sum(cut) / len(cut))


def assessed(answers: Sequence[tuple[Completion, Score]], device: torch.device) -> Loss:
    """Minus the sum of scores, and their number."""
    rewards = torch.tensor([score.value for _, score in answers], device=device)
    lengths = torch.tensor([float(len(said.ids)) for said, _ in answers], device=device)
    count = rewards.new_tensor(float(len(answers)))
    metrics = {"reward": (rewards.sum(), count), "completion_tokens": (lengths.sum(), count)}
    return Loss(-rewards.sum(), count, metrics)


def summary(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """Figures of one exploration: reward, its parts, length, and what was cut or failed."""
    rewards = np.array([item.reward for item in rollouts])
    found = {
        "reward": float(rewards.mean()),
        "reward_std": float(rewards.std()),
        "completion_tokens": float(np.mean([len(item.ids) for item in rollouts])),
        "truncated_share": float(np.mean([not item.completion.finished for item in rollouts])),
        "failed_share": float(np.mean([bool(item.score.problem) for item in rollouts])),
    }
    names = dict.fromkeys(name for item in rollouts for name in item.score.parts)
    for name in names:
        found[f"reward_{name}"] = float(
            np.mean([item.score.parts.get(name, 0.0) for item in rollouts])
        )
    return found


def _not_a_number(grader: Grader, answer: Answer, score: Score) -> DataError:
    name = type(grader).__module__.rpartition(".")[2]
    return DataError(
        f"{answer.origin}: grader '{name}' scored {score.value} for the completion "
        f"{answer.completion[:60]!r}, and a score must be a finite number. Nothing was learned "
        "from it, and what was saved stands.\n"
        "    Mend the grader; the same command goes on"
    )
