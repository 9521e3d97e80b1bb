"""What became of the rows of one file, in the ledger and in words."""

from __future__ import annotations

from dataclasses import dataclass, field

from luthier.data.ledger import Counted, Ledger
from luthier.data.rows import Origin


@dataclass(frozen=True, slots=True)
class Account:
    """Enters rows in the ledger, and keeps what is said of those of this file."""

    ledger: Ledger
    remarks: dict[str, Counted] = field(default_factory=dict[str, Counted])

    def leave_out(self, why: str, origin: Origin) -> None:
        """A row, which was met before, is not used."""
        self.ledger.drop(why, origin)
        self._remark(f"row left out: {why}", origin)

    def shorten(self, remark: str, origin: Origin) -> None:
        """Something in a row was left out."""
        self.ledger.shorten(remark, origin)
        self._remark(remark, origin)

    def _remark(self, remark: str, origin: Origin) -> None:
        self.remarks.setdefault(remark, Counted()).add(str(origin))

    def told(self) -> list[str]:
        """A line for each thing that is said of rows, with the first of them."""
        lines: list[str] = []
        for remark, places in self.remarks.items():
            also = f" (in {places.count} rows of this file)" if places.count > 1 else ""
            lines.append(f"{places.examples[0]}: {remark}{also}")
        return lines
