"""Small pictures and tiny models that read them, built in code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import (
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

COLOURS = {"blue": (30, 40, 200), "green": (30, 190, 40), "red": (210, 40, 30)}
SIZE = 16


def picture(colour: str, *, seed: int) -> Image.Image:
    """A noisy square of one colour, larger than the models take."""
    noise = np.random.default_rng(seed).integers(-30, 30, (20, 24, 3))
    return Image.fromarray((np.array(COLOURS[colour]) + noise).clip(0, 255).astype(np.uint8))


def folder(root: Path, *, per_class: int = 12) -> Path:
    """One folder of pictures for each colour."""
    for colour in COLOURS:
        (root / colour).mkdir(parents=True)
        for index in range(per_class):
            picture(colour, seed=index).save(root / colour / f"{index:02d}.png")
    return root


def model(root: Path, kind: str = "vit", *, channels: int = 3) -> Path:
    """A model folder with its processor."""
    torch.manual_seed(0)
    if kind == "vit":
        made = ViTForImageClassification(
            ViTConfig(
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=4,
                intermediate_size=64,
                image_size=SIZE,
                patch_size=4,
                num_channels=channels,
            )
        )
    else:
        made = ResNetForImageClassification(
            ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
        )
    made.save_pretrained(root)
    ViTImageProcessorPil(size={"height": SIZE, "width": SIZE}).save_pretrained(root)
    return root
