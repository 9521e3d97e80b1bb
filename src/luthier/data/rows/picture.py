"""The picture of a row as pixels: whole, upright, in RGB, whatever the model reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from luthier.core.errors import DataError, missing

_MODES = frozenset({"RGB", "L", "P", "LA", "PA", "RGBA", "1", "I;16"})
"""Colours with one meaning on a screen."""


def open_picture(path: str, *, where: str) -> Any:
    """The picture as a PIL image in RGB; what is transparent becomes white.

    Raises: DataError: naming `where`: not there, not a picture, damaged, or in other colours.
    MissingExtra: Pillow is not installed.
    """
    pillow, ops = _pillow()
    image = _whole(path, lambda file: ops.exif_transpose(file), where=where)
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        clear = image.convert("RGBA")
        ground = pillow.new("RGBA", clear.size, "white")
        return pillow.alpha_composite(ground, clear).convert("RGB")
    if image.mode == "I;16":  # a plain conversion cuts off at 255
        image = image.point(lambda value: value / 256).convert("L")
    return image.convert("RGB")


def check_picture(path: str, *, where: str) -> None:
    """Nothing, where the picture can be opened. All of it is decoded, JPEG to an eighth of its
    size, which takes a half of the time and finds a cut one as well.

    Raises: as `open_picture`.
    """
    _whole(path, lambda file: file, where=where, is_small=True)


def _whole(path: str, finish: Callable[[Any], Any], *, where: str, is_small: bool = False) -> Any:
    pillow, _ = _pillow()
    try:
        with pillow.open(path) as file:
            if is_small:
                file.draft(None, (1, 1))
            file.load()
            image = finish(file)
    except FileNotFoundError:
        raise DataError(f"{where}: no such picture: '{path}'. Give the path of a file") from None
    except pillow.UnidentifiedImageError:
        raise DataError(
            f"{where}: '{path}' is not a picture that can be read; expected PNG, JPEG, WebP or the "
            "like.\n    Save it anew, or take it out"
        ) from None
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        raise DataError(
            f"{where}: picture '{path}' is damaged ({error}).\n    Copy it anew, or take it out"
        ) from None
    if image.mode not in _MODES:
        raise DataError(
            f"{where}: picture '{path}' has the colours {image.mode}, expected RGB or grey.\n"
            "    Convert it: how others look on a screen depends on a profile that is not guessed"
        )
    return image


def _pillow() -> tuple[Any, Any]:
    """Pillow's modules for pictures and for what is done with whole ones."""
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise missing("pillow", "images", "Reading pictures") from error
    return Image, ImageOps
