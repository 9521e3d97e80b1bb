"""Small picture classifiers to start from: `python benchmarks/picture_models.py DATA SETS`.

A ViT and a ResNet of one and three million parameters learn MNIST's ten digits and five classes of
CIFAR-10 by one `luthier train` each, into SETS/models/{vit,resnet}. What grids/pictures.yaml tunes
them on afterwards they have never seen: scikit-learn's digits, and the five other classes.
DATA and SETS are those of sets.py.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

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

SIZE = 32
SETTINGS = (
    *("objective=classify", "tuner=full", "training.learning_rate=1e-3", "training.epochs=12"),
    *("training.batch_size=64", "objective.augmentation=[shift]", "evaluation.arms=[]"),
)


def digits(folder: Path, out: Path, *, number: int = 5000) -> None:
    """The first digits of MNIST, a folder for each."""
    with gzip.open(folder / "mnist_t10k" / "t10k-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / "mnist_t10k" / "t10k-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    for place, (image, label) in enumerate(zip(images[:number], labels[:number], strict=True)):
        path = out / f"digit {label}" / f"{place:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).convert("RGB").save(path)


def untrained() -> dict[str, Any]:
    """Both architectures, drawn at random."""
    torch.manual_seed(0)
    vit = ViTConfig(
        hidden_size=128,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=512,
        image_size=SIZE,
        patch_size=4,
    )
    resnet = ResNetConfig(
        embedding_size=32, hidden_sizes=[32, 64, 128, 256], depths=[2, 2, 2, 2], layer_type="basic"
    )
    return {
        "vit": ViTForImageClassification(vit),
        "resnet": ResNetForImageClassification(resnet),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("sets", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        digits(given.data, place / "pictures")
        first = given.sets / "cifar10-first" / "train"
        shutil.copytree(first, place / "pictures", dirs_exist_ok=True)
        for name, model in untrained().items():
            model.save_pretrained(place / name)
            processor = ViTImageProcessorPil(size={"height": SIZE, "width": SIZE})
            processor.save_pretrained(place / name)
            luthier = [sys.executable, "-m", "luthier"]
            words = ["train", place / "pictures", "--model", place / name, *SETTINGS]
            # 1 says that no verdict could be reached; of a run that failed the export says so
            subprocess.run([*luthier, *words, "--out", place / f"{name}-run"], check=False)
            out = given.sets / "models" / name
            words = ["export", place / f"{name}-run", "--format", "safetensors", "--out", out]
            subprocess.run([*luthier, *words], check=True)


if __name__ == "__main__":
    main()
