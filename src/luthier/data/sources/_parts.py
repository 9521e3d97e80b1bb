"""Which of several lists of rows in one file are meant."""

from __future__ import annotations

from collections.abc import Sequence

from luthier.core.errors import DataError
from luthier.core.hints import did_you_mean
from luthier.data.content import Content
from luthier.data.parts import Parted, by_word

_SHOWN = 6


def beside(empty: Sequence[str]) -> str:
    """What is said behind the name of the part that is read, of those that hold no rows."""
    shown = ", ".join(f"'{part}'" for part in empty[:_SHOWN])
    more = f" and {len(empty) - _SHOWN} more" if len(empty) > _SHOWN else ""
    return f" ({shown}{more} beside it: empty)" if empty else ""


def chosen(parts: Sequence[str], content: Content, word: str) -> str:
    """The part that was named behind "#", or the only one.

    Args: parts: those that hold rows. word: what they are: "sheets".
    Raises: DataError: there is none, none of that name, or several and none was named
        (`Parted`).
    """
    if content.part:
        if content.part in parts:
            return content.part
        hint = did_you_mean(content.part, parts)
        raise DataError(f"{content.name}: none of its {word} is called '{content.part}'{hint}")
    if len(parts) == 1:
        return parts[0]
    shown = ", ".join(f"'{part}'" for part in parts[:_SHOWN])
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    if not parts:
        raise DataError(f"{content.name}: none of its {word} holds rows; expected one that does")
    named = by_word({part: f"{content.name}#{part}" for part in parts})
    num_others = len(parts) - len(named)
    what = word if num_others > 1 else word.removesuffix("s")
    raise Parted(
        f"{content.name}: {len(parts)} of its {word} hold rows ({shown}{more}), and it is unclear "
        "which are meant.",
        one=f"'{content.name}#{parts[0]}'",
        names=named,
        others=f"{num_others} other {what}" if num_others else "",
    )
