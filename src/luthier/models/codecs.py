"""The codec of a model folder, whatever the model reads."""

from __future__ import annotations

from pathlib import Path

from luthier.models import weights
from luthier.models.bundle import Codec
from luthier.models.codec import open_codec
from luthier.models.pictures import SETTINGS, open_picture_codec


def codec_in(folder: Path) -> Codec:
    """A tokenizer's where there is one, else that of pictures; weights are not touched.

    Raises: ModelError: neither is there, or it cannot be read.
    """
    if not weights.has_tokenizer(folder) and (folder / SETTINGS).is_file():
        return open_picture_codec(folder)
    return open_codec(folder)
