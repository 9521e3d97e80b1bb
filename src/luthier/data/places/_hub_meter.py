"""How much of a data set of the hub has come, without the bars that its client draws."""

from __future__ import annotations

from typing import Any

from luthier.core.amount import Amount


def meter(work: str) -> type[Any]:
    """A class that the client makes its progress bars of: nothing is drawn, and the bytes that are
    written to disk are told as `work`."""
    # an import of 0.5 s that only names of this kind need
    from huggingface_hub.utils import tqdm

    amount = Amount(work, 0)

    class Meter(tqdm):
        def __init__(self, *args: Any, **settings: Any) -> None:
            name = str(settings.get("name") or "")
            self._counts = settings.get("unit") == "B" and not name.endswith("transfer")
            super().__init__(*args, **{**settings, "disable": True})

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if self._counts:
                amount.total = int(self.total or 0)
                amount.reach(int(self.n))

    return Meter
