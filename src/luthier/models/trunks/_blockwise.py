"""A transformers model stopped before one of its blocks, or gone on from there.

Blocks that are left out are stood in for by functions that hand on what was kept, so that whatever
the architecture does around its blocks (positions, masks, scales) is done by its own code.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from luthier.data.features import Batch
from luthier.models.blocks import Frozen

Run = Callable[[Batch], Tensor]
"""A batch through the whole model: its final hidden states (N, D)."""


class _Reached(Exception):
    """The block is about to run; carries what it was given."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = states


def below(frozen: Frozen, batch: Batch, run: Run) -> list[Tensor]:
    """What the lowest moving block is given for each sequence (T, D); it is not run."""

    def note(_block: nn.Module, _args: Any, output: Any) -> None:
        frozen.gives_tuple = isinstance(output, tuple)

    def stop(_block: nn.Module, args: tuple[Any, ...], settings: dict[str, Any]) -> None:
        raise _Reached(args[0] if args else settings["hidden_states"])

    last, lowest = frozen.blocks[frozen.depth - 1], frozen.blocks[frozen.depth]
    handles = [
        last.register_forward_hook(note),
        lowest.register_forward_pre_hook(stop, with_kwargs=True),
    ]
    try:
        run(batch)
    except _Reached as reached:
        return _parts(reached.states, batch)
    finally:
        for handle in handles:
            handle.remove()
    raise RuntimeError("the lowest moving block was never run")


def above(frozen: Frozen, batch: Batch, states_ND: Tensor, run: Run, *, packed: bool) -> Tensor:
    """Final hidden states (N, D) from what the frozen blocks gave."""
    if frozen.is_whole:
        return states_ND
    rows = states_ND.split(list(batch.lengths))
    states = states_ND[None] if packed else nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    with _standing_in(frozen.blocks[: frozen.depth], states, as_tuple=frozen.gives_tuple):
        return run(batch)


def _parts(states: Tensor, batch: Batch) -> list[Tensor]:
    """Of each sequence, out of a pack (1, N, D) or out of padded rows (B, T, D)."""
    if len(states) == 1:
        return list(states[0].split(list(batch.lengths)))
    return [part[:length] for part, length in zip(states, batch.lengths, strict=True)]


@contextmanager
def _standing_in(blocks: Sequence[Any], states: Tensor, *, as_tuple: bool) -> Generator[None]:
    """Within it `blocks` are not run: each gives `states`, which the last of them hands on."""

    def stand_in(*_: Any, **__: Any) -> Any:
        return (states,) if as_tuple else states

    for block in blocks:
        block.forward = stand_in
    try:
        yield
    finally:
        for block in blocks:
            del block.forward
