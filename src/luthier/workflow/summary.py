"""summary.json: the state and the headline figures of a run, rewritten at each stage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from luthier.core import files
from luthier.core.events import Finished, Updated, Validated
from luthier.models.quantised import num_parameters
from luthier.recipe.resolve import Settled
from luthier.run.layout import FORMAT_VERSION, Layout
from luthier.workflow.inputs import Inputs
from luthier.workflow.prepared import Prepared
from luthier.workflow.stages import Stages


class Summary:
    """Keeps what earlier sessions of the same run wrote."""

    def __init__(self, layout: Layout, settled: Settled, stages: Stages) -> None:
        self._layout, self._settled, self._stages = layout, settled, stages
        self._earlier_seconds: dict[str, float] = {}
        self.values: dict[str, Any] = {"format_version": FORMAT_VERSION, "created": _now()}
        if layout.summary.exists():
            self.values.update(files.read_json(layout.summary))
            self._earlier_seconds = dict(self.values.get("seconds", {}))

    def is_done(self) -> bool:
        """Trained, evaluated and reported; the card is written last."""
        is_done = self.values.get("state") == "done" and self._layout.card.exists()
        return is_done and self.is_trained()

    def is_trained(self) -> bool:
        """The result of training is saved and went through its parity gate."""
        return self._layout.is_trained

    def see(self, event: Updated | Validated | Finished) -> None:
        """Take over the newest figures of training (written with the next `update`)."""
        if isinstance(event, Updated):
            self.values.update(
                steps=event.step,
                num_steps=event.num_steps,
                train_loss=event.loss,
                tokens_per_second=event.total_tokens / max(event.seconds, 1e-9),
            )
        elif isinstance(event, Validated):
            if event.is_kept:
                self.values.update(validation_loss=event.loss, best_step=event.step)
        else:
            self.values.update(why_ended=event.why, peak_bytes=event.peak_bytes)

    def update(
        self,
        state: str,
        inputs: Inputs | None = None,
        prepared: Prepared | None = None,
        **values: Any,
    ) -> None:
        """Write summary.json. Args: values: "reason" holds for this state only."""
        settled = self._settled
        self.values.pop("reason", None)
        self.values.update(
            name=settled.get("name"),
            state=state,
            model=settled.get("model"),
            objective=settled.get("objective.name"),
            tuner=settled.get("tuner.name"),
            updated=_now(),
            notes=self._stages.notes,
            **values,
        )
        if inputs is not None:
            self.values.update(
                kind=inputs.kind, license=inputs.source.license, data=inputs.loaded.description
            )
        if prepared is not None:
            model = prepared.bundle.model
            self.values["trained_parameters"] = sum(
                p.numel() for p in model.parameters() if p.requires_grad
            )
            self.values["total_parameters"] = num_parameters(model)
        names = {**self._earlier_seconds, **self._stages.seconds}
        self.values["seconds"] = {
            name: round(self._earlier_seconds.get(name, 0) + self._stages.seconds.get(name, 0), 3)
            for name in names
        }
        if self._layout.checkpoints.exists():
            found = [path for path in self._layout.root.rglob("*") if path.is_file()]
            self.values["disk_bytes"] = sum(path.stat().st_size for path in found)
        files.write_json(self._layout.summary, self.values)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
