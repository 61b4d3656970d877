"""The data of the workloads: MNIST from `$LATLAS_DATA` where present, else structured noise of its shape."""

import os
from pathlib import Path

import numpy as np


def mnist(num_images: int = 60_000) -> np.ndarray:
    """Grey digits, `uint8 (num_images, 784)`."""
    path = _path("mnist")
    if path.exists():
        with np.load(path) as arrays:
            return np.ascontiguousarray(arrays["train_images"].reshape(-1, 784)[:num_images])
    return _structured(num_images)


def mnist_test() -> np.ndarray:
    """Grey test digits, `uint8 (10000, 784)`."""
    with np.load(_existing("mnist")) as arrays:
        return arrays["test_images"].reshape(-1, 784)


def binarized_mnist() -> dict[str, np.ndarray]:
    """Static binarisation: `train (50000, 784)`, `valid` and `test (10000, 784)`, uint8 zeros and ones."""
    with np.load(_existing("binarized_mnist")) as arrays:
        return {split: np.unpackbits(arrays[split], axis=1) for split in ("train", "valid", "test")}


def _path(name: str) -> Path:
    return Path(os.environ.get("LATLAS_DATA", "data")) / name / f"{name}.npz"


def _existing(name: str) -> Path:
    if not _path(name).exists():
        raise SystemExit(f"{_path(name)} does not exist: set LATLAS_DATA to the folder that holds {name}.")
    return _path(name)


def _structured(num_images: int) -> np.ndarray:
    """Random images with 16 degrees of freedom and about the sparsity of MNIST."""
    rng = np.random.default_rng(0)
    basis = rng.normal(size=(16, 784)).astype(np.float32)
    images = np.empty((num_images, 784), np.uint8)
    for start in range(0, num_images, 10_000):
        latents = rng.normal(size=(min(10_000, num_images - start), 16)).astype(np.float32)
        images[start : start + 10_000] = (255 / (1 + np.exp(4 - latents @ basis))).astype(np.uint8)
    return images
