"""A first recipe for a data file, as YAML with a comment on every line that matters."""

from __future__ import annotations

import json
from pathlib import Path

from luthier.core.errors import RecipeError
from luthier.data.load import Loaded, load
from luthier.data.naming import plain_name
from luthier.data.rows import Labeled
from luthier.objectives import objectives
from luthier.recipe.schema import DataSection
from luthier.tuners import tuners
from luthier.workflow.settle import objective_for

WRITES, READS = "smollm2-135m", "minilm-l6"
"""Models that every machine can fetch: for objectives that train a language model, and others."""

TEMPLATE = """\
# {description}
name: {name}
model: {model}        # hub name, folder, .gguf file, pypi:PACKAGE or alias (luthier models list)
data:
  train: {train}
  # validation: FILE   # default: the part of train called so, else a tenth, chosen by content
  # test: FILE         # default: as validation; only the verdict sees it
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

    Raises: DataError: the file cannot be read or recognised. RecipeError: the rows are pictures,
        and no model was named.
    """
    loaded = load(DataSection(train=str(data)), seed=0, wants="auto")
    objective = objective_for(loaded.shape)
    return TEMPLATE.format(
        description="\n# ".join(loaded.description),
        name=json.dumps(plain_name(str(data)), ensure_ascii=False),
        model=model or _model_for(objective, loaded),
        train=json.dumps(str(data), ensure_ascii=False),
        objective=objective,
        tuners=", ".join(tuners.names()),
    )


def _model_for(objective: str, loaded: Loaded) -> str:
    if any(isinstance(row, Labeled) and row.picture for row in loaded.splits.train):
        raise RecipeError(
            "model: got none, and the rows are pictures, which no model with a short name reads.\n"
            "    Name an image classifier, by its folder or on the hub: luthier init DATA --model "
            "FOLDER"
        )
    return WRITES if "causal_lm" in objectives.get(objective).kinds else READS
