"""After training: the evidence, the report and the card, from an open tuned bundle."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from luthier.core import files
from luthier.data.on_disk import OnDisk
from luthier.data.rows import Row
from luthier.evaluation.evaluate import Subject, document, evaluate
from luthier.evaluation.results import Evaluation
from luthier.models.bundle import Bundle
from luthier.recipe.resolve import Settled
from luthier.run import card
from luthier.run.layout import Layout
from luthier.run.reader import open_run
from luthier.run.report import render
from luthier.tuners import Tuner
from luthier.workflow.inputs import Inputs
from luthier.workflow.opening import cut_of
from luthier.workflow.others import view_of
from luthier.workflow.stages import Stages
from luthier.workflow.stop import in_one_piece


@dataclass(frozen=True, slots=True)
class Shown:
    """A test row as people read it."""

    origin: str
    input: str
    target: str


@dataclass(frozen=True, slots=True)
class Tested:
    """Where the test rows come from."""

    files: Mapping[str, str]
    """File -> SHA-256, those of the training too."""
    is_own: bool = True
    """They are those that the run held out from the beginning."""
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    """Why rows of these files are no test -> how many."""

    def document(self, rows: Sequence[Row]) -> dict[str, Any]:
        """What evaluation.json says of so tested rows."""
        counted = Counter(row.origin.file for row in rows)
        named = [
            {"name": name, "sha256": self.files.get(name, ""), "rows": count}
            for name, count in counted.items()
        ]
        return {"is_own": self.is_own, "files": named, "left_out": dict(self.left_out)}


def show_row(row: Row) -> Shown:
    """Input and target of any row as text."""
    return Shown(str(row.origin), row.shown(), row.target())


def subject_of(
    bundle: Bundle,
    tuner: Tuner,
    inputs: Inputs,
    settled: Settled,
    open_base: Callable[[], Bundle],
) -> Subject:
    """What the evaluation examines."""
    named = inputs.others.get("reference")
    return Subject(
        bundle=replace(bundle, cut=cut_of(settled)),
        tuner=tuner,
        objective=inputs.objective,
        train=OnDisk(row for row in inputs.kept("train") if not row.origin.made),
        test=inputs.kept("test"),
        seed=settled.get("seed"),
        open_base=open_base,
        reference=view_of(named, settled.recipe(), []) if named else None,
    )


def prove_better(
    subject: Subject, section: Any, layout: Layout, stages: Stages, *, tested: Tested
) -> Evaluation:
    """Run every arm on the test rows; writes evaluation.json and predictions.jsonl."""
    with stages.stage("evaluating", f"{len(subject.test)} test rows"):
        evaluation = evaluate(subject, section=section, on_event=stages.tell)
    scored = sorted({answer.row for answer in evaluation.answers["tuned"]})
    evaluation.details["tested"] = tested.document([subject.test[row] for row in scored])
    with in_one_piece():
        write_predictions(evaluation, subject.test, layout)
        files.write_json(layout.evaluation, document(evaluation))
    return evaluation


def write_predictions(evaluation: Evaluation, rows: Sequence[Row], layout: Layout) -> None:
    """One line per test row with the answer of every arm."""
    lines: dict[int, dict[str, Any]] = {}
    for arm, answers in evaluation.answers.items():
        for answer in answers:
            shown, together = show_row(rows[answer.row]), rows[answer.row].asked_with()
            line = lines.setdefault(
                answer.row,
                {
                    "row": answer.row,
                    "origin": shown.origin,
                    "key": rows[answer.row].key(),
                    "input": shown.input,
                    "target": shown.target,
                    "answers": {},
                    **({"group": together} if together else {}),
                },
            )
            line["answers"][arm] = {
                "text": answer.text,
                "scores": answer.scores,
                "weight": answer.weight,
            }
            if answer.probabilities:
                line["answers"][arm]["confidence"] = max(answer.probabilities)
    text = "".join(json.dumps(lines[row], ensure_ascii=False) + "\n" for row in sorted(lines))
    files.write_text(layout.predictions, text)


def write_report(layout: Layout, stages: Stages) -> None:
    """report.html and card.md from what the run directory holds."""
    with stages.stage("writing report"):
        run = open_run(layout.root)
        files.write_text(layout.report, render(run))
        files.write_text(layout.card, card.render(run))
