"""Characters of printed pages that stand for several, or for others."""

from __future__ import annotations

import unicodedata

_FORMS = [*range(0xFB00, 0xFB07), *range(0x132, 0x134)]
"""Latin letters printed as one: ff, fi, fl, ffi, ffl, st, IJ."""
LIGATURES = {number: unicodedata.normalize("NFKC", chr(number)) for number in _FORMS} | {
    0x00AD: None,
    0x00A0: " ",
    0x0000: None,
    0xFEFF: None,
}
"""For `str.translate`; what is invisible goes."""
