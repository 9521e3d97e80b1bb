"""A first recipe for a data file, as YAML with a comment on every line that matters."""

from __future__ import annotations

import json
from pathlib import Path

from luthier.data.load import load
from luthier.recipe.schema import DataSection
from luthier.tuners import tuners
from luthier.workflow.settle import objective_for

MODEL_OF_SHAPE = {"chat": "smollm2-135m", "text": "smollm2-135m", "labeled": "minilm-l6"}

TEMPLATE = """\
# {description}
name: {name}
model: {model}        # hub name, folder, .gguf file, pypi:PACKAGE or alias (luthier models list)
data:
  train: {train}
  # validation: FILE   # default: a tenth of train, chosen by content
  # test: FILE         # default: a tenth of train; only the verdict sees it
  on_overflow: error   # truncate_prompt | truncate_tail | split | drop
objective:
  name: {objective:<14} # what is learned (luthier list)
tuner:
  name: auto           # which parameters move: {tuners}; auto: chosen from the model
training: {{}}         # every setting left out is chosen from data, model and machine
seed: 0
"""


def init(data: Path, model: str = "") -> str:
    """The recipe as YAML text; `luthier train` takes it as it is.

    Raises: DataError: the file cannot be read or recognised.
    """
    loaded = load(DataSection(train=str(data)), seed=0, wants="auto")
    return TEMPLATE.format(
        description="\n# ".join(loaded.description),
        name=json.dumps(data.stem, ensure_ascii=False),
        model=model or MODEL_OF_SHAPE[loaded.shape],
        train=json.dumps(str(data), ensure_ascii=False),
        objective=objective_for(loaded.shape),
        tuners=", ".join(tuners.names()),
    )
