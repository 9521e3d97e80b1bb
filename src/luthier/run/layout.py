"""Names of everything in a run directory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below one run directory; nothing is created."""

    root: Path

    @property
    def resolved(self) -> Path:
        """The recipe with every value, the origin of each, and the identity."""
        return self.root / "resolved.yaml"

    @property
    def ledger(self) -> Path:
        return self.root / "ledger.json"

    @property
    def metrics(self) -> Path:
        """One JSON object per event, appended."""
        return self.root / "metrics.jsonl"

    @property
    def rollouts(self) -> Path:
        """Completions that an exploring objective learned from, with their scores, appended."""
        return self.root / "rollouts.jsonl"

    @property
    def evaluation(self) -> Path:
        return self.root / "evaluation.json"

    @property
    def predictions(self) -> Path:
        """Every test row with the answer of every arm."""
        return self.root / "predictions.jsonl"

    @property
    def splits(self) -> Path:
        """Which row of which file went to which split."""
        return self.root / "splits.json"

    @property
    def samples(self) -> Path:
        """Rendered training samples with their masks."""
        return self.root / "samples.json"

    @property
    def prompts(self) -> Path:
        """Token ids of some rows, on which every artefact of this run is compared."""
        return self.root / "prompts.json"

    @property
    def preflight(self) -> Path:
        """What the trial before step 1 predicted."""
        return self.root / "preflight.json"

    @property
    def environment(self) -> Path:
        return self.root / "environment.json"

    @property
    def summary(self) -> Path:
        """State and headline figures of the run, rewritten at each stage."""
        return self.root / "summary.json"

    @property
    def report(self) -> Path:
        return self.root / "report.html"

    @property
    def card(self) -> Path:
        return self.root / "card.md"

    @property
    def adapter(self) -> Path:
        return self.root / "adapter"

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def is_trained(self) -> bool:
        """The result of a training is there."""
        return self.adapter.is_dir() or self.model.is_dir()

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def constants(self) -> Path:
        """What frozen models said of the rows."""
        return self.root / "constants"

    @property
    def exports(self) -> Path:
        return self.root / "exports"

    @property
    def lock(self) -> Path:
        return self.root / "run.lock"
