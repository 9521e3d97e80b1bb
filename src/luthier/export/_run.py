"""One export from an open bundle to a checked folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from luthier.export import _manifest, _vectors, _vllm
from luthier.export._parity import Gate
from luthier.export._registry import exporters
from luthier.export._staging import staged
from luthier.export.contract import Exporter
from luthier.models.bundle import Bundle
from luthier.tuners.contract import Tuner


def run_export(
    bundle: Bundle,
    tuner: Tuner,
    *,
    format: str,
    folder: Path,
    prompts: Sequence[NDArray[np.int32]],
    source_folder: Path,
    objective: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The manifest of the tuned model written to `folder`, which appears only once it is proved.

    The files are opened in a fresh process by plain transformers (and PEFT), and must give the
    logits and the greedy text of `bundle` on `prompts`. The bundle stays as it is.
    Args: prompts: token ids of real rows; source_folder: the base model in transformers layout.
        objective: what was learned, with its settings, for the manifest.
    Raises: ParityError: the files do not behave like the bundle; none are left.
        RecipeError: unknown format, or one that does not fit the tuner.
        RunError: `folder` holds something that is not an export.
    """
    exporter: Exporter = exporters.get(format)()
    with staged(folder) as stage:
        gate = Gate(bundle, prompts)
        written = exporter.write(bundle, tuner, stage, source_folder=source_folder)
        _vectors.write(bundle, stage)
        _manifest.sync(stage)
        parity = gate.check(stage, source_folder, written)
        manifest = _manifest.describe(bundle, format, stage, written, parity)
        manifest["objective"] = dict(objective or {})
        manifest["vllm"] = _vllm.served(
            stage,
            bundle,
            needs_base=written.needs_base,
            merges=tuner.merges,
            folder=folder,
        )
        _manifest.write(stage, manifest)
    return manifest


def run_load(bundle: Bundle, tuner: Tuner, *, format: str, folder: Path) -> None:
    """Put what was exported to `folder` into `bundle`, to which `tuner` was attached.

    Raises: RunError: the folder is damaged, or does not fit the model and the tuner.
    """
    exporters.get(format)().load(folder, bundle, tuner)
    _vectors.load(bundle, folder)
