"""Two run directories as a real run writes them: an LLM that answers in JSON, and a classifier."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from luthier.core.events import Finished, Preflight, Saved, Skipped, Stage, Updated, Validated
from luthier.core.seeds import stream
from luthier.evaluation.metrics.accuracy import Accuracy
from luthier.evaluation.metrics.calibration import Calibration
from luthier.evaluation.outcome import Frame, Outcome
from luthier.run.environment import environment
from luthier.run.layout import Layout
from luthier.run.reader import RunFiles, open_run
from luthier.run.writer import RunWriter

GIB = 2**30
NUM_STEPS = 180
SUBJECTS = ("charged twice", "parcel never came", "cannot log in", "wants a refund", "wrong size")
CLASSES = ("billing", "delivery", "account", "refund", "exchange", "other")


def make_llm_run(root: Path, *, hostile: str = "") -> RunFiles:
    """A finished sft run with five arms. `hostile` is put into every text a user can write."""
    with RunWriter(Layout(root)) as writer:
        layout = writer.layout
        writer.write(layout.resolved, _resolved("sft", "tickets.jsonl", hostile))
        _write_events(writer, skipped=hostile or "tickets.jsonl line 88")
        writer.write(layout.ledger, _ledger(hostile))
        writer.write(layout.samples, [_sample(i, hostile) for i in range(3)])
        predictions = [_json_prediction(row, hostile) for row in range(100)]
        writer.write(layout.predictions, predictions)
        writer.write(layout.evaluation, _json_evaluation(predictions, hostile))
        _write_common(writer, "sft", "smollm2-135m", hostile)
    return open_run(root)


def make_classify_run(root: Path) -> RunFiles:
    """A finished classification run with per-class figures, confusion and calibration."""
    with RunWriter(Layout(root)) as writer:
        layout = writer.layout
        writer.write(layout.resolved, _resolved("classify", "reviews.csv", ""))
        _write_events(writer, skipped="")
        writer.write(layout.ledger, _ledger(""))
        predictions = [_class_prediction(row) for row in range(120)]
        writer.write(layout.predictions, predictions)
        writer.write(layout.evaluation, _class_evaluation(predictions))
        _write_common(writer, "classify", "minilm-l6", "")
    return open_run(root)


def updated(step: int, *, loss: float | None = None) -> Updated:
    """One step of the course that both runs take."""
    random = stream(0, "made", step)
    value = 0.35 + 1.9 * math.exp(-step / 28) + random.gauss(0, 0.05)
    return Updated(
        step=step,
        num_steps=NUM_STEPS,
        epoch=step / 60,
        loss=loss if loss is not None else value,
        gradient_norm=0.6 + 2.2 * math.exp(-step / 20) + abs(random.gauss(0, 0.12)),
        learning_rate=2e-4 * min(step / 9, 0.5 + 0.5 * math.cos(math.pi * step / NUM_STEPS)),
        tokens=1740,
        trained_tokens=1120,
        seconds=step * 2.05 + random.random() * 0.4,
        total_tokens=1740 * step,
        memory_bytes=int(1.6 * GIB),
        metrics={"accuracy": 0.8},
    )


def _write_events(writer: RunWriter, *, skipped: str) -> None:
    writer.event(Stage("reading data"))
    writer.event(Preflight(int(1.7 * GIB), 310 * 2**20, 352.0, 862.0, NUM_STEPS, {"longest": 412}))
    writer.event(Stage("training"))
    for step in range(1, NUM_STEPS + 1):
        if skipped and step == 88:
            writer.event(Skipped(88, "gradient norm is inf", (skipped,), ("layers.3.q_proj",)))
        writer.event(updated(step))
        if step % 18 == 0:
            loss = 0.42 + 1.8 * math.exp(-step / 26) + 0.0004 * step
            writer.event(Validated(step, loss, 9000.0, step <= 126, step <= 126))
            writer.event(Saved(step, f"step-{step:06d}", 59 * 2**20, 0.4))
    writer.event(Finished(NUM_STEPS, "epochs", 126, 371.4, int(1.78 * GIB)))


def _write_common(writer: RunWriter, objective: str, model: str, hostile: str) -> None:
    layout = writer.layout
    preflight = {
        "peak_bytes": int(1.7 * GIB),
        "disk_bytes": 310 * 2**20,
        "seconds": 352.0,
        "tokens_per_second": 862.0,
        "num_steps": NUM_STEPS,
        "details": {"longest_row_tokens": 412},
    }
    summary = {
        "format_version": 1,
        "name": f"tickets-{objective}{hostile}",
        "state": "done",
        "model": model,
        "kind": "sequence_classifier" if objective == "classify" else "causal_lm",
        "objective": objective,
        "tuner": "lora",
        "created": "2026-03-02T09:12:44+00:00",
        "updated": "2026-03-02T09:22:31+00:00",
        "steps": NUM_STEPS,
        "num_steps": NUM_STEPS,
        "train_loss": 0.352,
        "validation_loss": 0.484,
        "best_step": 126,
        "seconds": {
            "reading data": 0.4,
            "loading model": 6.1,
            "pre-flight": 11.8,
            "training": 380.2,
            "saving": 2.2,
            "evaluating": 194.0,
        },
        "tokens_per_second": 843.0,
        "peak_bytes": int(1.78 * GIB),
        "disk_bytes": 297 * 2**20,
        "trained_parameters": 4_884_480,
        "total_parameters": 139_400_000,
        "license": f"Apache-2.0{hostile}",
        "verdict": "better",
        "data": [
            f"tickets.jsonl: 1,000 rows of chat (OpenAI messages: column 'messages'){hostile}",
            "UTF-8 without BOM; split 80/10/10 by content, seed 0",
        ],
        "notes": ["bfloat16: this processor multiplies it natively", f"8 steps saved{hostile}"],
    }
    writer.write(layout.preflight, preflight)
    writer.write(layout.environment, environment())
    writer.write(layout.summary, summary)


def _resolved(objective: str, file: str, hostile: str) -> dict[str, Any]:
    return {
        "format_version": 1,
        "recipe": {
            "format_version": 1,
            "name": f"tickets-{objective}",
            "model": "smollm2-135m",
            "data": {"train": file, "columns": {}, "roles": {"bot": "assistant"}},
            "objective": {"name": objective, "instruction": hostile},
            "tuner": {"name": "lora", "rank": 16, "target": ["q_proj", "v_proj"]},
            "training": {"epochs": 3.0, "learning_rate": 0.0002, "batch_size": 8},
            "seed": 0,
        },
        "origins": {
            "model": "user: command line",
            "data.train": "user: command line",
            "data.roles": f"user: recipe.yaml{hostile}",
            "tuner.rank": "alias 'lora_r'",
            "objective.name": "auto: the rows are conversations",
            "training.epochs": "auto: 800 rows are few, so three passes",
        },
        "identity": {
            "recipe": "9f2c41d7a0be5d5c0f6b8a6d3a1b77e1",
            "files": {file: "2b5c5a0bf555a5f65c01824a03d7aa2c"},
            "model": "e0424ac814061dc3e12533531405bbee",
        },
    }


def _ledger(hostile: str) -> dict[str, Any]:
    dropped = {
        "exact duplicate": {"count": 14, "examples": [f"tickets.jsonl line 17{hostile}"]},
        "input also in test": {"count": 3, "examples": ["tickets.jsonl line 402"]},
    }
    return {
        "rows": {
            "in": 1000,
            "used": {"train": 786, "validation": 97, "test": 100},
            "dropped": dropped,
        },
        "tokens": {
            "train": {"in": 104_400, "trained": 67_212, "masked": 37_188, "cut": 0},
            "validation": {"in": 12_840, "trained": 8_240, "masked": 4_600, "cut": 0},
            "test": {"in": 13_120, "trained": 8_420, "masked": 4_700, "cut": 0},
        },
    }


def _ticket(row: int) -> str:
    subject = SUBJECTS[row % len(SUBJECTS)]
    return f"Hello, order 41{row:03d}: {subject}. I wrote last week already. Best, Mr Jansen"


def _target(row: int) -> str:
    subject = SUBJECTS[row % len(SUBJECTS)]
    urgency = ("low", "high")[row % 2]
    return json.dumps({"topic": subject, "order": f"41{row:03d}", "urgency": urgency})


def _sample(row: int, hostile: str) -> dict[str, Any]:
    pieces = [
        ("<|im_start|>system\nReturn JSON with topic, order and urgency.<|im_end|>\n", "system", 0),
        (f"<|im_start|>user\n{_ticket(row)}{hostile}<|im_end|>\n", "user", 1),
        ("<|im_start|>assistant\n", "assistant", 2),
    ]
    masked = [{"text": t, "trained": False, "role": r, "turn": n} for t, r, n in pieces]
    answer = {"text": f"{_target(row)}<|im_end|>", "trained": True, "role": "assistant", "turn": 2}
    return {"row": f"tickets.jsonl line {row + 1}{hostile}", "pieces": [*masked, answer]}


def _json_prediction(row: int, hostile: str) -> dict[str, Any]:
    random = stream(1, row)
    good, chat = _target(row), f"Sure! The customer says: {_ticket(row)[:48]}…"
    chances = {"base": 0.04, "prompted": 0.19, "few_shot": 0.47, "retrieval": 0.55, "tuned": 0.93}
    answers: dict[str, Any] = {}
    for arm, chance in chances.items():
        right = random.random() < chance
        wrong = good.replace("urgency", "priority") if arm == "tuned" else chat
        answers[arm] = {
            "text": (good if right else wrong) + hostile,
            "scores": {"exact_match": float(right), "nll": 0.3 + (0 if right else 1.1)},
        }
    return {
        "row": row,
        "origin": f"tickets.jsonl line {row + 901}",
        "input": _ticket(row) + hostile,
        "target": good + hostile,
        "answers": answers,
    }


def _estimate(values: list[float]) -> dict[str, Any]:
    mean, n = sum(values) / len(values), len(values)
    spread = 1.96 * math.sqrt(max(sum((v - mean) ** 2 for v in values) / n, 1e-6) / n)
    return {"value": mean, "low": max(0.0, mean - spread), "high": mean + spread, "n": n}


def _arms(predictions: list[dict[str, Any]]) -> dict[str, Any]:
    arms: dict[str, Any] = {}
    for arm in predictions[0]["answers"]:
        scores = [line["answers"][arm]["scores"] for line in predictions]
        arms[arm] = {name: _estimate([score[name] for score in scores]) for name in scores[0]}
        for item in arms[arm].values():
            item["high"] = min(item["high"], 1.0) if item["value"] <= 1 else item["high"]
    return arms


def _verdict(predictions: list[dict[str, Any]], metric: str, against: str) -> dict[str, Any]:
    gains = [
        line["answers"]["tuned"]["scores"][metric] - line["answers"][against]["scores"][metric]
        for line in predictions
    ]
    found = _estimate([gain + 1 for gain in gains])
    difference, low, high = (found[name] - 1 for name in ("value", "low", "high"))
    words = (
        f"The tuned model is right on {100 * difference:.0f} more rows in a hundred than the "
        f"strongest arm that did not train it ({against.replace('_', ' ')}); the interval is "
        f"{100 * low:.0f} to {100 * high:.0f}."
    )
    return {
        "outcome": "better" if low > 0 else "no_evidence",
        "metric": metric,
        "against": against,
        "difference": difference,
        "low": low,
        "high": high,
        "n": len(gains),
        "detectable": 0.137,
        "p_value": 0.00002,
        "words": words,
    }


def _flips(predictions: list[dict[str, Any]], metric: str, against: str) -> dict[str, list[int]]:
    fixed, broken = [], []
    for line in predictions:
        before = line["answers"][against]["scores"][metric]
        after = line["answers"]["tuned"]["scores"][metric]
        if after != before:
            (fixed if after > before else broken).append(line["row"])
    return {"fixed": fixed, "broken": broken}


def _json_evaluation(predictions: list[dict[str, Any]], hostile: str) -> dict[str, Any]:
    verdict = _verdict(predictions, "exact_match", "retrieval")
    return {
        "format_version": 1,
        "arms": _arms(predictions),
        "verdict": {**verdict, "words": verdict["words"] + hostile},
        "flips": _flips(predictions, "exact_match", "retrieval"),
        "retention": {
            "general_text_nll": {
                "base": {"value": 2.914, "low": 2.861, "high": 2.968, "n": 60},
                "tuned": {"value": 2.951, "low": 2.896, "high": 3.007, "n": 60},
                "difference": {"value": 0.037, "low": -0.004, "high": 0.081, "n": 60},
                "tokens": 2600,
                "words": f"General English is predicted as well as before.{hostile}",
            },
            "kl_to_base": {
                "tuned": {"value": 0.041, "low": 0.032, "high": 0.05, "n": 24},
                "words": f"Answers are close to the base model's.{hostile}",
            },
            "changed_first_token_share": {
                "tuned": {"value": 0.0417, "low": 0.0074, "high": 0.2024, "n": 24},
                "words": "Unrelated requests are answered much as before: 1 of 24.",
            },
        },
        "details": {
            "task": "answer",
            "choices": {"metric": {"value": "exact_match", "why": "targets are short"}},
            "fields": {"topic": 0.99, "order": 0.97, "urgency": 0.93},
            "notes": {
                "prompted": {"instruction": f"Return JSON with topic and urgency.{hostile}"},
                "few_shot": {"instruction": "Return JSON.", "examples": [_example(hostile)]},
                "majority": {"left_out": f"the answers are not a few labels{hostile}"},
            },
            "seconds": {"base": 41.0, "tuned": 18.2},
        },
    }


def _example(hostile: str) -> dict[str, str]:
    return {"row": "tickets.jsonl line 4", "input": _ticket(3) + hostile, "answer": _target(3)}


def _class_prediction(row: int) -> dict[str, Any]:
    random = stream(2, row)
    truth = CLASSES[row % len(CLASSES)]
    chances = {"base": 0.2, "majority": 0.17, "tfidf": 0.78, "tuned": 0.9}
    answers: dict[str, Any] = {}
    for arm, chance in chances.items():
        answer = truth if random.random() < chance else random.choice(CLASSES)
        answers[arm] = {"text": answer, "scores": {"accuracy": float(answer == truth)}}
    return {
        "row": row,
        "origin": f"reviews.csv line {row + 2}",
        "input": _ticket(row),
        "target": truth,
        "answers": answers,
    }


def _class_evaluation(predictions: list[dict[str, Any]]) -> dict[str, Any]:
    outcomes = [_outcome(line) for line in predictions]
    frame = Frame("label", tuple(line["target"] for line in predictions), CLASSES)
    details = Accuracy().details(outcomes, frame) | Calibration().details(outcomes, frame)
    return {
        "format_version": 1,
        "arms": _arms(predictions),
        "verdict": _verdict(predictions, "accuracy", "tfidf"),
        "flips": _flips(predictions, "accuracy", "tfidf"),
        "retention": {},
        "details": details,
    }


def _outcome(line: dict[str, Any]) -> Outcome:
    answer, sure = line["answers"]["tuned"]["text"], stream(3, line["row"]).uniform(0.35, 1.0)
    return Outcome(line["row"], line["target"], answer, probabilities=(sure, 1 - sure))
