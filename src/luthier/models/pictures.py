"""Pictures to numbers, for one model: opened, checked, resized and cropped as the model wants it.

Kept are bytes, a quarter of the numbers that the model reads, and in a file: a hundred thousand
pictures of 224 x 224 take 15 GB.
Letters: C channels, H and W pixels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import AutoImageProcessor

from luthier.core import cache
from luthier.core.errors import ModelError
from luthier.core.files import read_json
from luthier.data.rows import Chat, Message, open_picture
from luthier.models.bundle import Rendered
from luthier.models.reading import reading
from luthier.models.shelf import Shelf

SETTINGS = "preprocessor_config.json"
_RELATIVE = 1e-4
"""float32 gives 1e-6; a step of a byte would be 4e-3."""


@dataclass(slots=True)
class PictureCodec:
    """The codec of a model that reads pictures and no text (see models.bundle.Codec)."""

    processor: Any
    times_plus: NDArray[np.float32]
    """What `finish` gives."""
    tokenizer: Any = None
    has_template: bool = False
    end_of_turn_ids: frozenset[int] = frozenset()
    end_of_text_id: int = 0
    is_plain: bool = False
    channels: int = 3
    """3 for RGB, 1 for grey."""
    max_length: int = 1
    """A picture counts as one token."""
    shelf: Shelf = field(default_factory=lambda: Shelf(cache.root()))
    """Where pictures lie that were opened."""

    def plain(self) -> PictureCodec:
        """The same."""
        return self

    def add_tokens(self, tokens: Sequence[str]) -> None:
        """Raises: ModelError: it reads no text."""
        del tokens
        raise _no_text()

    def picture(self, path: str, *, where: str) -> NDArray[np.uint8]:
        """The picture as bytes (C, H, W), resized and cropped as the model wants it.

        Raises: DataError: naming `where`; as `open_picture`.
        """
        image = open_picture(path, where=where)
        if self.channels == 1:  # processors want three, and treat each alike
            image = image.convert("L").convert("RGB")
        return self.shelf.keep(_bytes(self.processor, image)[: self.channels])

    def finish(self) -> NDArray[np.float32]:
        """What makes of bytes (C, H, W) what the model reads, (2, C): times the first row, plus the
        second."""
        return self.times_plus

    def save(self, folder: Path) -> None:
        """Write the processor's settings."""
        self.processor.save_pretrained(folder)

    def encode(self, text: str, text_pair: str = "") -> NDArray[np.int32]:
        """Raises: ModelError: it reads no text."""
        del text, text_pair
        raise _no_text()

    def encode_document(self, text: str) -> NDArray[np.int32]:
        """Raises: ModelError: it reads no text."""
        del text
        raise _no_text()

    def render(self, row: Chat) -> Rendered:
        """Raises: ModelError: it reads no text."""
        del row
        raise _no_text()

    def render_plain(self, row: Chat) -> Rendered:
        """Raises: ModelError: it reads no text."""
        del row
        raise _no_text()

    def prompt(self, messages: Sequence[Message], row: Chat | None = None) -> NDArray[np.int32]:
        """Raises: ModelError: it reads no text."""
        del messages, row
        raise _no_text()

    def decode(self, ids: Sequence[int]) -> str:
        """Nothing: a picture is one token without words."""
        del ids
        return ""


def open_picture_codec(folder: Path) -> PictureCodec:
    """The codec of the model in `folder`.

    Raises: ModelError: its settings cannot be read, it reads neither colours nor grey, or its
        processor does something to a picture that is not done here.
    """
    with reading(folder / SETTINGS, "makes no image processor"):
        channels = _channels(folder)
        processor = AutoImageProcessor.from_pretrained(
            folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
        times_plus = _times_plus(processor, channels, folder)
    return PictureCodec(processor, times_plus, channels=channels)


def _bytes(processor: Any, image: Any) -> NDArray[np.uint8]:
    """The picture resized and cropped (C, H, W), its colours as they were."""
    # EfficientNet's: another division by the deviations, which no other processor knows
    more = {"include_top": False} if hasattr(processor, "include_top") else {}
    made = processor(
        images=image, return_tensors="np", do_rescale=False, do_normalize=False, **more
    )
    return np.asarray(made["pixel_values"][0], np.uint8)


def _times_plus(processor: Any, channels: int, folder: Path) -> NDArray[np.float32]:
    """What makes of bytes what the processor gives (2, C), read off a picture of noise.

    Raises: ModelError: no such numbers do.
    """
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    whole = processor(images=noise, return_tensors="np")["pixel_values"][0]
    given, wanted = _bytes(processor, noise)[:channels], np.asarray(whole)[:channels]
    if given.shape == wanted.shape and given.ndim == 3:
        pairs = zip(given.astype(np.float64), wanted.astype(np.float64), strict=True)
        found = np.array([np.polyfit(ours.ravel(), theirs.ravel(), 1) for ours, theirs in pairs]).T
        made = given * found[0, :, None, None] + found[1, :, None, None]
        if np.abs(made - wanted).max() <= _RELATIVE * np.abs(wanted).max():
            return found.astype(np.float32)
    raise ModelError(
        f"{folder / SETTINGS}: {type(processor).__name__} does more to a picture than to resize, "
        "crop, rescale and normalise it, and the rest of that would be missing. Use a model whose "
        "processor does no more, such as a ViT or a ResNet"
    )


def _channels(folder: Path) -> int:
    """Of the pictures that the model in `folder` reads; 3 where it does not say.

    Raises: ModelError: neither 3 nor 1.
    """
    path = folder / "config.json"
    found = read_json(path).get("num_channels", 3) if path.is_file() else 3
    if found not in (1, 3):
        raise ModelError(
            f"{path}: num_channels: got {json.dumps(found)}, expected 3 (RGB) or 1 (grey), which "
            "are what picture files hold. Use another model"
        )
    return int(found)


def _no_text() -> ModelError:
    return ModelError(
        "this model reads pictures, and the rows are texts. Use a model that reads text, such as "
        "minilm-l6"
    )
