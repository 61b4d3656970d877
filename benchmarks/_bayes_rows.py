"""A logistic regression of any number of rows in files, and its posterior by Newton's method over all of them.

`python -m benchmarks._bayes_rows FOLDER ROWS` writes the files; the posterior needs NumPy alone.
"""

import sys
from pathlib import Path

import numpy as np

NUM_WEIGHTS, CHUNK = 20, 200_000


def generate(folder: Path, num_rows: int) -> None:
    """Write `features.npy` (float32, correlated columns and an intercept) and `outcome.npy` in pieces."""
    truth = np.random.default_rng(1).normal(size=NUM_WEIGHTS).astype(np.float32) * 0.5
    features = np.lib.format.open_memmap(folder / "features.npy", "w+", np.float32, (num_rows, NUM_WEIGHTS))
    outcome = np.lib.format.open_memmap(folder / "outcome.npy", "w+", np.float32, (num_rows,))
    for start in range(0, num_rows, CHUNK):
        rng = np.random.default_rng((2, start))
        rows = rng.standard_normal((min(CHUNK, num_rows - start), NUM_WEIGHTS), np.float32)
        rows[:, 1:] += 0.5 * rows[:, :1]
        rows[:, 0] = 1
        features[start : start + len(rows)] = rows
        outcome[start : start + len(rows)] = rng.random(len(rows)) < _sigmoid(rows @ truth)
    features.flush()
    outcome.flush()


def load(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays, mapped and not read."""
    features, outcome = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("features", "outcome"))
    return features, outcome


def newton(
    features: np.ndarray, outcome: np.ndarray, *, tolerance: float = 1e-9
) -> tuple[np.ndarray, np.ndarray]:
    """Mode and sds (Laplace) of the posterior under standard normal weights.

    With n rows the posterior differs from this Gaussian by O(1 / sqrt(n)) of an sd. Stops when a step is below
    `tolerance` sds.
    """
    weights = np.zeros(features.shape[1])
    for _ in range(50):
        gradient, precision = -weights, np.eye(len(weights))
        for start in range(0, len(features), CHUNK):
            rows = np.asarray(features[start : start + CHUNK], np.float64)
            chance = _sigmoid(rows @ weights)
            gradient = gradient + rows.T @ (outcome[start : start + CHUNK] - chance)
            precision = precision + (rows * (chance * (1 - chance))[:, None]).T @ rows
        covariance = np.linalg.inv(precision)
        step, sd = covariance @ gradient, np.sqrt(np.diag(covariance))
        weights = weights + step
        if np.abs(step / sd).max() < tolerance:
            return weights, sd
    raise RuntimeError("Newton's method has not converged in 50 passes over the rows.")


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]))
