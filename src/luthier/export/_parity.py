"""The gate: an export must answer like the model it was made from, as opened by a stranger."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from luthier.core.errors import ParityError
from luthier.export._compare import compare, distance
from luthier.export._outputs import in_float32, outputs
from luthier.export._rounding import disturb
from luthier.export._stored import storage_of
from luthier.export.contract import Written
from luthier.models.bundle import Bundle, Kind
from luthier.models.quantised import dequantise, quantised_layers


class Gate:
    """Holds what the trained model answers; `check` compares an export with it.

    Weights are read as float32 on both sides (exact for bfloat16), so that what is compared is
    the files, not two roundings of the arithmetic.
    """

    def __init__(self, bundle: Bundle, prompts: Sequence[NDArray[np.int32]]) -> None:
        self.model: Any = bundle.model
        self.kind: Kind = bundle.kind
        self.num_labels = len(bundle.labels)
        rests = (p for p in self.model.parameters() if not p.requires_grad)
        frozen = {p.dtype for p in rests if p.is_floating_point()}
        # norms that need float32 hold the rounded values of the others
        shortest = min(frozen, key=lambda dtype: dtype.itemsize, default=torch.float32)
        self.base_dtype = str(shortest).split(".")[-1]
        rows = [row for row in prompts if len(row)] or [bundle.codec.encode("Hello")]
        self.prompts = [torch.from_numpy(np.asarray(row, np.int32)) for row in rows]
        self.expected = self._answers()

    def check(self, folder: Path, base: Path, written: Written) -> dict[str, Any]:
        """What was compared, and how far apart it was.

        Raises: ParityError: the files cannot be opened, or answer otherwise.
        """
        came, opened_by = self._reopened(folder, base)
        noise = self._noise() if written.is_rounded else 0.0
        found = compare(self.expected, came, noise=noise)
        return {"opened_by": opened_by, "prompts": len(self.prompts), **found}

    def _answers(self) -> dict[str, Tensor]:
        with in_float32(self.model):
            return outputs(self.model, self.prompts, kind=self.kind)

    def _noise(self) -> float:
        """Largest difference that rounding the weights to bfloat16, drawn anew, makes."""
        model = self.model
        if quantised_layers(model):  # merged weights are rounded, not the few bits
            model = dequantise(copy.deepcopy(model))
        with in_float32(model):
            disturb(model, seed=1)
            came = outputs(model, self.prompts, kind=self.kind, generates=False)
        return distance(came, self.expected)

    def _reopened(self, folder: Path, base: Path) -> tuple[dict[str, Tensor], str]:
        with TemporaryDirectory() as temporary:
            prompts, answers = Path(temporary, "prompts"), Path(temporary, "answers")
            given = {f"prompt_{index}": row for index, row in enumerate(self.prompts)}
            labels = {"num_labels": torch.tensor(self.num_labels)}
            stored = json.dumps(storage_of(self.model))
            told = {"base_dtype": self.base_dtype, "stored": stored, "kind": self.kind}
            save_file(given | labels, prompts, metadata=told)
            _run("luthier.export._reopen", folder, base, prompts, answers)
            with safe_open(answers, "pt") as file:
                metadata: dict[str, str] = file.metadata()
                return {name: file.get_tensor(name) for name in file.keys()}, metadata["opened_by"]  # noqa: SIM118


def _run(module: str, *arguments: Path) -> None:
    code, messages = fresh_process(module, [str(argument) for argument in arguments])
    if code:
        last = "\n    ".join(messages.strip().splitlines()[-6:])
        raise ParityError(
            "The exported files cannot be opened in a fresh process, so none were kept:\n"
            f"    {last}"
        )


def fresh_process(module: str, arguments: Sequence[str]) -> tuple[int, str]:
    """Exit code and standard error of `python -m MODULE ARGUMENTS`."""
    command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.returncode, done.stderr
