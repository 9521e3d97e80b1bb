"""A picture file as pixels: whole, upright, in RGB, whatever the model reads."""

from __future__ import annotations

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
    try:
        with pillow.open(path) as file:
            file.load()
            image = ops.exif_transpose(file)
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
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        clear = image.convert("RGBA")
        ground = pillow.new("RGBA", clear.size, "white")
        return pillow.alpha_composite(ground, clear).convert("RGB")
    if image.mode == "I;16":  # a plain conversion cuts off at 255
        image = image.point(lambda value: value / 256).convert("L")
    return image.convert("RGB")


def _pillow() -> tuple[Any, Any]:
    """Pillow's modules for pictures and for what is done with whole ones."""
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise missing("pillow", "images", "Reading pictures") from error
    return Image, ImageOps
