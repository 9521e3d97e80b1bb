"""Vectors of texts: read from a folder, written to one, and made in pieces."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import tiny
from torch.testing import assert_close

from luthier.core.errors import ModelError
from luthier.data.features import Batch
from luthier.models.embedding import class_scores, embed
from luthier.models.load import open_model
from luthier.models.trunks import build, onto
from luthier.models.vectors import Dense, Vectors, read, write

POOLING = [{"path": "1_Pooling", "type": "a.Pooling"}]
TEXTS = ("what is red", "the capital of France is Paris", "yes")


def embedder(folder: Path, vectors: Vectors | None = None, architecture: str = "bert"):
    tiny.folder(folder, architecture=architecture)  # type: ignore[arg-type]
    if vectors is not None:
        write(vectors, folder, width=32, max_length=128)
    return open_model(str(folder), kinds=frozenset({"embedder"}), dtype=torch.float32)


def batch_of(bundle, texts=TEXTS) -> Batch:
    ids = [torch.from_numpy(bundle.codec.encode(text)).long() for text in texts]
    return Batch(torch.cat(ids), tuple(map(len, ids)), tuple(range(len(ids))))


def layer(rows: int, columns: int) -> Dense:
    draws = torch.Generator().manual_seed(rows)
    return Dense(torch.randn(rows, columns, generator=draws), torch.zeros(rows), "tanh")


@pytest.mark.parametrize("pooling", ["mean", "first", "last", "max"])
def test_what_was_written_is_read_again(tmp_path: Path, pooling) -> None:
    wanted = Vectors(pooling, (layer(8, 32), None), replace(layer(3, 8), activation="identity"))
    bundle = embedder(tmp_path / "m", wanted)
    found = bundle.vectors
    assert found.pooling == pooling
    assert found.then[1] is None
    hidden = torch.randn(5, 32)
    if pooling in ("mean", "max"):
        assert_close(found(hidden, (2, 3)), wanted(hidden, (2, 3)))
    assert class_scores(bundle, batch_of(bundle)).shape == (3, 3)


def test_without_a_file_encoders_take_the_mean_and_writers_the_last_token(tmp_path: Path) -> None:
    assert embedder(tmp_path / "bert").vectors == Vectors("mean")
    assert embedder(tmp_path / "llama", architecture="llama").vectors == Vectors("last")


@pytest.mark.parametrize("architecture", ["bert", "llama", "gpt2"])
def test_vectors_are_those_of_a_plain_call_of_the_model(tmp_path: Path, architecture) -> None:
    bundle = embedder(tmp_path, architecture=architecture)
    found = embed(bundle, batch_of(bundle))
    for text, vector in zip(TEXTS, found, strict=True):
        ids = torch.from_numpy(bundle.codec.encode(text)).long()
        with torch.no_grad():
            hidden = bundle.model(input_ids=ids[None]).last_hidden_state[0]
        expected = hidden.mean(0) if architecture == "bert" else hidden[-1]
        assert_close(vector, expected, rtol=1e-4, atol=1e-5)


def test_pieces_give_the_vectors_and_gradients_of_the_whole(tmp_path: Path) -> None:
    bundle = embedder(tmp_path)
    batch = batch_of(bundle, TEXTS * 3)
    weight = torch.randn(9, 32, generator=torch.Generator().manual_seed(3))
    found = []
    for at_once in (0, 12, 1):
        bundle.model.requires_grad_(True)
        bundle.model.zero_grad()
        vectors = embed(bundle, batch, at_once=at_once)
        (vectors * weight).sum().backward()
        grads = {name: p.grad for name, p in bundle.model.named_parameters() if p.grad is not None}
        found.append((vectors.detach(), {k: v.to_dense().clone() for k, v in grads.items()}))
    for vectors, gradients in found[1:]:
        assert_close(vectors, found[0][0], rtol=1e-5, atol=1e-6)
        assert_close(gradients, found[0][1], rtol=1e-5, atol=1e-5)  # sums in another order


def test_a_piece_keeps_nothing_of_the_pieces_before_it(tmp_path: Path) -> None:
    bundle = embedder(tmp_path)
    bundle.model.requires_grad_(True)
    batch = batch_of(bundle, TEXTS * 8)

    def kept(at_once: int) -> int:
        held: dict[int, int] = {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            embed(bundle, batch, at_once=at_once).sum()
        return sum(held.values())

    assert kept(20) < 0.2 * kept(0)


@pytest.mark.parametrize("path", ["general", "fast"])
def test_pieces_go_on_from_what_frozen_layers_gave(tmp_path: Path, path: Any) -> None:
    bundle = embedder(tmp_path)
    bundle.model.encoder.layer[1].requires_grad_(True)
    trunk: Any = build(bundle.model, "embedder", prefer=path, compute_dtype=torch.float32)
    bundle.trunk, batch = trunk, batch_of(bundle, TEXTS * 3)
    assert trunk.frozen.depth == 1
    expected = embed(bundle, batch, at_once=12)
    with_states, hidden, most = onto(batch, trunk.lower(batch), trunk), trunk.hidden, []

    def heard(piece: Batch, *at: Any) -> torch.Tensor:
        assert piece.states is not None
        assert len(piece.states.values) == piece.num_tokens
        most.append(piece.num_tokens)
        return hidden(piece, *at)

    trunk.hidden = heard
    assert_close(embed(bundle, with_states, at_once=12), expected, rtol=1e-5, atol=1e-6)
    assert max(most) <= 12


def test_the_old_and_the_new_way_to_name_a_pooling(tmp_path: Path) -> None:
    embedder(tmp_path)
    write(Vectors("mean"), tmp_path, width=32, max_length=64)
    path = tmp_path / "1_Pooling/config.json"
    path.write_text(json.dumps({"embedding_dimension": 32, "pooling_mode": "cls"}))
    assert read(tmp_path, writes=False).pooling == "first"


@pytest.mark.parametrize(
    ("modules", "pooling", "expected"),
    [
        (POOLING, {"pooling_mode": "weightedmean"}, "weighted"),
        (POOLING, {"pooling_mode": ["mean", "cls"]}, "mean, cls"),
        ([{"path": "", "type": "a.b.LSTM"}], {}, "'LSTM'"),
        ({"0": 1}, {}, "a list of modules"),
        ([{"path": "2_Dense", "type": "a.Dense"}], {}, "2_Dense"),
    ],
)
def test_what_cannot_be_done_here_is_refused(tmp_path, modules, pooling, expected) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling/config.json").write_text(json.dumps(pooling))
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match=expected):
        read(tmp_path, writes=False)
