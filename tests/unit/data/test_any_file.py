"""Whatever a file holds, it is read and accounted for, or refused with a message: nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from luthier.core.errors import DataError, RecipeError
from luthier.data.load import load
from luthier.recipe.schema import DataSection

LIMITS = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
TURN_KEYS = st.sampled_from(["role", "content", "from", "value", "weight", "tool_calls", "type"])
TURN_VALUES = st.sampled_from(["user", "assistant", "gpt", "human", "hello", "", "text"]) | VALUES
TURNS = st.lists(st.dictionaries(TURN_KEYS, TURN_VALUES, max_size=4), max_size=3)
COLUMNS = st.sampled_from(
    ["messages", "conversations", "prompt", "completion", "instruction", "input", "output", "text",
     "label", "history", "system", "tools", "chosen", "rejected", "x"]
)  # fmt: skip
RECORDS = st.lists(st.dictionaries(COLUMNS, VALUES | TURNS, max_size=4) | VALUES, max_size=14)


def is_read_or_refused(folder: Path, name: str, data: bytes, **section: Any) -> None:
    path = folder / name
    path.write_bytes(data)
    try:
        loaded = load(DataSection(train=str(path), **section), seed=0)
    except (DataError, RecipeError):
        return
    rows = loaded.ledger.document()["rows"]
    dropped = sum(entry["count"] for entry in rows["dropped"].values())
    assert rows["in"] == sum(rows["used"].values()) + dropped


@LIMITS
@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "tsv", "txt", "parquet"])
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path: Path, suffix: str, data: bytes) -> None:
    is_read_or_refused(tmp_path, f"a.{suffix}", data, validation_share=0, test_share=0)


@LIMITS
@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "tsv", "txt"])
@given(text=st.text('{}[]",:;|\t\r\n\\ \0\ufeff\x85text01', max_size=80))
def test_any_punctuation_is_read_or_refused(tmp_path: Path, suffix: str, text: str) -> None:
    is_read_or_refused(tmp_path, f"a.{suffix}", text.encode(), validation_share=0, test_share=0)


@LIMITS
@given(records=RECORDS, as_lines=st.booleans())
def test_any_records_are_read_or_refused(
    tmp_path: Path, records: list[Any], as_lines: bool
) -> None:
    lines = "".join(json.dumps(record) + "\n" for record in records)
    data = lines if as_lines else json.dumps(records, indent=1)
    is_read_or_refused(tmp_path, "a.json", data.encode())
