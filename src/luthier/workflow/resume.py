"""May this request continue that run? Compares what the run recorded with what is there now.

What a request leaves out is as in the run; what it says must be as in the run, or be allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from luthier.core.errors import RunError
from luthier.objectives import objectives
from luthier.recipe.identity import LEFT_OUT
from luthier.recipe.load import leaves
from luthier.recipe.place import COMPONENTS
from luthier.recipe.resolve import Settled
from luthier.recipe.schema import Recipe
from luthier.run.layout import Layout

FOLLOWS = {"training.epochs": "training.max_steps"}
"""Chosen from another setting where nobody says it: chosen anew when that is another one now."""
OF_THE_REQUEST = ("allow", "format_version")
"""Never taken over: a permission is given anew each time."""

OF_THE_TEST = (
    *("data.test", "data.train", "data.validation", "data.format", "data.columns", "data.roles"),
    *("data.encoding", "data.group_by", "data.time_by", "data.reasoning", "data.on_duplicate"),
    *("data.on_leak", "data.on_overflow", "data.corrections", "training.max_length"),
)
"""What a test may say anew beside the evaluation: which rows, how they are read, how long they may
be, and where the files of the training lie now."""


def check_folder(layout: Layout) -> None:
    """Nothing, when a run may be written there: into a new or empty folder, or that of a run.

    Raises: RunError: the folder holds something else, and a run would mix with it.
    """
    root = layout.root
    if not root.is_dir() or layout.resolved.exists() or layout.metrics.exists():
        return
    found = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    others = [name for name in found if name != layout.lock.name]
    if others:
        names = ", ".join([*others[:3], *(["..."] if len(others) > 3 else [])])
        raise RunError(
            f"{root}: is no run and not empty ({names}); a run would mix its files with those. "
            "Name a new or empty folder with --out"
        )


LIMITS = {
    "epochs": "training.epochs",
    "max_steps": "training.max_steps",
    "max_tokens": "training.max_tokens",
    "max_seconds": "training.max_seconds",
    "early_stopping": "training.early_stopping_patience",
}
"""Why a training ended -> the setting that said so. The larger the farther; 0 is no limit."""


def moves_limit(settled: Settled, recorded: Mapping[str, Any] | None, why_ended: str) -> bool:
    """Whether a training that ended is to go on: the limit it ended at is farther away now."""
    key = LIMITS.get(why_ended)
    if recorded is None or key is None:
        return False
    then, now = leaves(recorded["recipe"]).get(key), settled.get(key)
    return now != then and (now in (0, "auto") or now > then)


def take_up(settled: Settled, recorded: Mapping[str, Any] | None, *, where: str) -> list[str]:
    """Let a request continue a recorded run, if there is one; sentences a user should read.

    Raises: RunError: the request would train something else than the run was started with.
    """
    if recorded is None:
        return []
    kept = keep_choices(settled, recorded)
    return [*kept, *same_request(settled, recorded, where=where)]


def adjust_anew(settled: Settled) -> None:
    """Leave open what the objective chooses once the model is trained: a training that goes on
    begins with the value it was started with, not with what was chosen at its end."""
    name = getattr(objectives.get(settled.get("objective.name")), "adjusts", "")
    key = f"objective.{name}"
    if name and settled.origins.get(key, "").startswith("auto"):
        settled.reopen(key)


def keep_choices(settled: Settled, recorded: Mapping[str, Any]) -> list[str]:
    """Take over whatever the request leaves out; a sentence for what somebody gave back then."""
    others = [
        section
        for section in COMPONENTS
        if settled.is_given(f"{section}.name")
        and settled.get(f"{section}.name") != recorded["recipe"][section]["name"]
    ]
    said: list[str] = []
    for key, value in leaves(recorded["recipe"]).items():
        # settings of another component mean nothing to the one that is asked for now
        if key in OF_THE_REQUEST or key.partition(".")[0] in others:
            continue
        origin = str(recorded["origins"].get(key, "default"))
        if origin.startswith("auto") and _is_to_follow(settled, recorded, key):
            settled.reopen(key)
            continue
        is_new = settled.keep(key, value, origin)
        if is_new and not origin.startswith(("default", "auto")):
            said.append(f"{key}={value}")
    return [f"as when the run was started, and not given now: {', '.join(said)}"] if said else []


def _is_to_follow(settled: Settled, recorded: Mapping[str, Any], key: str) -> bool:
    """Whether `key` was chosen from a setting that the request changes, and is not said itself."""
    cause = FOLLOWS.get(key)
    is_said = settled.is_given(key) and not settled.origins[key].startswith("auto")
    if cause is None or is_said or not settled.is_given(cause):
        return False
    return settled.get(cause) != leaves(recorded["recipe"]).get(cause)


def same_request(settled: Settled, recorded: Mapping[str, Any], *, where: str) -> list[str]:
    """Sentences about what the request changes and may change.

    Raises: RunError: it would train something else than the run was started with.
    """
    then, now = _recorded(recorded), leaves(settled.document()["recipe"])
    changed = {
        key: f"{key}: {then.get(key, 'absent')!r} in the run, {value!r} now"
        for key, value in now.items()
        if settled.is_given(key) and key not in OF_THE_REQUEST and then.get(key) != value
    }
    free = [text for key, text in changed.items() if _is_free(key)]
    others = [text for key, text in changed.items() if not _is_free(key)]
    if others and "changed_recipe" not in settled.get("allow"):
        lines = "".join(f"    {text}\n" for text in others)
        raise RunError(
            f"{where} was started with another recipe:\n{lines}"
            "    Give another --out for a new run, or allow=[changed_recipe] to continue anyway."
        )
    sentences = [f"changed, and trains the same: {'; '.join(free)}"] if free else []
    return [*sentences, *([f"changed, as allowed: {'; '.join(others)}"] if others else [])]


def other_settings(settled: Settled, recorded: Mapping[str, Any]) -> dict[str, str]:
    """Each setting that is another one than in the run, and what both are.

    Args: settled: the run's own settings with a request on top.
    """
    then = leaves(Settled.of_document(recorded).document()["recipe"])
    return {
        key: f"{key}: {then.get(key, 'absent')!r} in the run, {value!r} now"
        for key, value in leaves(settled.document()["recipe"]).items()
        if then.get(key) != value and key not in OF_THE_REQUEST
    }


def refuse_training(others: Mapping[str, str], *, where: str) -> None:
    """Nothing, when a request to test a run says nothing of how it was trained.

    Args: others: settings that are others than in the run.
    Raises: RunError: naming each that is of the training.
    """
    wrong = [
        text
        for key, text in others.items()
        if key not in OF_THE_TEST and not key.startswith("evaluation.")
    ]
    if wrong:
        lines = "".join(f"    {text}\n" for text in wrong)
        raise RunError(
            f"{where} is tested as it was trained, and these are of the training:\n{lines}"
            "    Leave them out: evaluate takes settings of evaluation, allow, "
            f"{', '.join(OF_THE_TEST)}. To train with them: luthier train, with another --out."
        )


def same_inputs(
    then: Mapping[str, Any],
    now: Mapping[str, Any],
    *,
    allow: Sequence[str],
    where: str,
    instead: str = "give another --out for a new run",
) -> list[str]:
    """Sentences about what changed and was allowed to; `then` and `now` are identities of inputs.

    Args: instead: what else a user might do.
    Raises: RunError: naming each of data, model and tokenizer that changed otherwise.
    """
    changed = _changed(then, now)
    refused = {word: text for word, text in changed.items() if word not in allow}
    if refused:
        lines = "".join(f"    {text}\n" for text in refused.values())
        raise RunError(
            f"{where} was started with something else:\n{lines}"
            f"    Restore it, {instead}, or set "
            f"allow=[{', '.join(refused)}] to continue anyway."
        )
    return [f"{text}, as allowed" for text in changed.values()]


def refuse_edited(
    recorded: Mapping[str, Any] | None, now: Mapping[str, str], *, allow: Sequence[str], where: str
) -> None:
    """Nothing, when files that were read are those of the run. What else changed is compared once
    it is known; until then edited rows would be refused for what they are, and not as edited.

    Raises: RunError: as `same_inputs`.
    """
    then = {"files": files_of(recorded), "data": ""}
    same_inputs(then, {"files": now, "data": ""}, allow=allow, where=where)


def files_of(recorded: Mapping[str, Any] | None) -> dict[str, str]:
    """Each file that the run read, and its SHA-256; none where nothing is recorded."""
    return dict(recorded["identity"].get("files", {})) if recorded else {}


def has_one_hash(recorded: Mapping[str, Any] | None) -> bool:
    """Whether the run is from before model and tokenizer had hashes of their own."""
    return recorded is not None and "tokenizer" not in recorded["identity"]


def _changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """What would have to be allowed -> what changed."""
    found: dict[str, str] = {}
    contents: Mapping[str, str] = now["files"]
    edited = [
        name for name, digest in then["files"].items() if contents.get(name, digest) != digest
    ]
    if edited:
        found["changed_data"] = f"{', '.join(edited)} changed"
    elif then["data"] != now["data"]:
        found["changed_data"] = "the rows changed: other files, or split otherwise"
    for part in ("model", "tokenizer"):
        if part in then and then[part] != now.get(part):
            found[f"changed_{part}"] = f"the {part} changed"
    return found


def _recorded(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the run; those that came with a later version have their default."""
    recipe = recorded["recipe"]
    plain = Recipe.model_validate({key: recipe[key] for key in ("model", "data")})
    return {**leaves(plain.model_dump(mode="json")), **leaves(recipe)}


def _is_free(key: str) -> bool:
    return key in LEFT_OUT or key.partition(".")[0] in LEFT_OUT
