"""Rows that hold a picture: their features, their batch, and changes drawn anew each time.

Letters: B pictures, C channels, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from luthier.data.features import PIXELS, Batch, Features
from luthier.data.rows import Labeled
from luthier.models.bundle import Codec

_SHIFT = 8
"""A picture is moved by up to one part in so many of its size."""
_CONTRAST = 0.25
_LEAST_SHARE = 0.5
"""Of the area of a picture that is cut out of it."""
_LONGER = 4 / 3
"""A piece is up to so many times as wide, or as high, as the whole is in proportion."""
_COLOUR = 0.4


def picture_features(row: Labeled, codec: Codec, *, index: int, label: int) -> Features:
    """A picture as one token, with its bytes and what makes numbers of them.

    Raises: DataError: it cannot be used, with the place of the row.
    """
    arrays = {
        "bytes": codec.picture(row.picture, where=str(row.origin)),
        "finish": codec.finish(),
    }
    return Features(index, np.zeros(1, np.int32), label=label, arrays=arrays)


def pixels_of(features: Sequence[Features]) -> dict[str, Tensor]:
    """What the model reads of pictures (B, C, H, W), float32; nothing where the rows are texts."""
    if not features or "bytes" not in features[0].arrays:
        return {}
    bytes_BCHW = torch.from_numpy(np.stack([item.arrays["bytes"] for item in features]))
    times, plus = torch.from_numpy(features[0].arrays["finish"])[:, None, :, None, None]
    return {PIXELS: bytes_BCHW.float() * times + plus}


def augmented(batch: Batch, kinds: Sequence[str]) -> Batch:
    """The batch with its pictures changed by chance; draws come from torch's seeded stream.

    Source: mirrored and shifted as in He et al. 2016, arXiv:1512.03385, section 4.2; cut out as in
    Szegedy et al. 2015, arXiv:1409.4842, section 6, but larger pieces; colours as in Howard 2013,
    arXiv:1312.5402, section 2.2.
    """
    pixels_BCHW = batch.tensors.get(PIXELS)
    if pixels_BCHW is None:
        return batch
    changes = {
        "flip": _flipped,
        "shift": _shifted,
        "contrast": _contrasted,
        "crop": _cropped,
        "colour": _coloured,
    }
    for kind in kinds:
        pixels_BCHW = changes[kind](pixels_BCHW)
    return replace(batch, tensors={**batch.tensors, PIXELS: pixels_BCHW})


def _flipped(pixels_BCHW: Tensor) -> Tensor:
    """Half of the pictures mirrored left to right."""
    turned_B = torch.rand(len(pixels_BCHW)) < 0.5
    where = turned_B.to(pixels_BCHW.device)[:, None, None, None]
    return torch.where(where, pixels_BCHW.flip(3), pixels_BCHW)


def _shifted(pixels_BCHW: Tensor) -> Tensor:
    """Every picture moved; the edge is repeated."""
    count, _, height, width = pixels_BCHW.shape
    rows = _moved(count, height, device=pixels_BCHW.device)
    columns = _moved(count, width, device=pixels_BCHW.device)
    each = torch.arange(count, device=pixels_BCHW.device)[:, None, None]
    found = pixels_BCHW.movedim(1, 3)[each, rows[:, :, None], columns[:, None, :]]
    return found.movedim(3, 1)


def _moved(count: int, size: int, *, device: torch.device) -> Tensor:
    """Places (B, size) that the pixels of each picture come from."""
    most = size // _SHIFT
    by_B = torch.randint(-most, most + 1, (count, 1))
    return (torch.arange(size)[None] + by_B).clamp(0, size - 1).to(device)


def _contrasted(pixels_BCHW: Tensor) -> Tensor:
    """Brightness and contrast changed, by up to a quarter of the picture's own spread."""
    shape = (len(pixels_BCHW), 1, 1, 1)
    by, lift = ((torch.rand(shape) * 2 - 1).to(pixels_BCHW.device) * _CONTRAST for _ in range(2))
    mean = pixels_BCHW.mean((1, 2, 3), keepdim=True)
    spread = pixels_BCHW.std((1, 2, 3), keepdim=True)
    return (pixels_BCHW - mean) * (1 + by) + mean + lift * spread


def _cropped(pixels_BCHW: Tensor) -> Tensor:
    """A piece of every picture, made as large as the whole."""
    count, device = len(pixels_BCHW), pixels_BCHW.device
    share_B = _LEAST_SHARE + (1 - _LEAST_SHARE) * torch.rand(count)
    longer_B = _LONGER ** (torch.rand(count) * 2 - 1)
    # half width and half height, where the whole reaches from -1 to 1
    half_B2 = torch.stack([(share_B * longer_B).sqrt(), (share_B / longer_B).sqrt()], 1).clamp(
        max=1
    )
    middle_B2 = (torch.rand(count, 2) * 2 - 1) * (1 - half_B2)
    places_B23 = torch.cat([torch.diag_embed(half_B2), middle_B2[:, :, None]], 2).to(device)
    grid_BHW2 = F.affine_grid(places_B23, list(pixels_BCHW.shape), align_corners=False)
    return F.grid_sample(pixels_BCHW, grid_BHW2, padding_mode="border", align_corners=False)


def _coloured(pixels_BCHW: Tensor) -> Tensor:
    """Colours nearer to grey or farther from it; grey pictures stay."""
    by = ((torch.rand(len(pixels_BCHW), 1, 1, 1) * 2 - 1) * _COLOUR).to(pixels_BCHW.device)
    grey_B1HW = pixels_BCHW.mean(1, keepdim=True)
    return grey_B1HW + (pixels_BCHW - grey_B1HW) * (1 + by)
