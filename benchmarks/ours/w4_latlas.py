"""W4 through the public `importance_log_evidence`. Modes: `f32`, `bf16` (products with bfloat16 operands)."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._clock import serve
from benchmarks._data import mnist
from benchmarks.ours._models import mlp_vae
from latlas.core import Example
from latlas.evaluation import importance_log_evidence
from latlas.models import VAE

PRECISION = {"f32": "float32", "bf16": "bfloat16"}
NUM_SAMPLES, CHUNK = 5000, 500


def trained(path: str, precision: str) -> VAE:
    """The VAE with the stored weights; ours takes the logarithm of the scale where they hold the variance's.

    Our log-scale is squashed, which makes the proposal a little different; what is estimated stays the same.
    """
    model = mlp_vae(jax.random.key(0), (200, 200), 50, "tanh", precision)
    with np.load(path) as arrays:
        weights, biases = ([jnp.asarray(arrays[f"{kind}{i}"]) for i in range(6)] for kind in "wb")
    halved = jnp.concatenate([jnp.ones(50), jnp.full(50, 0.5)])
    weights[2], biases[2] = weights[2] * halved, biases[2] * halved
    layers = lambda m: (*m.recognition.encoder.layers, *m.decoder.layers)  # noqa: E731 - the one path to all six
    model = eqx.tree_at(lambda m: [layer.weight for layer in layers(m)], model, weights)
    return eqx.tree_at(lambda m: [layer.bias for layer in layers(m)], model, biases)


def main(mode: str, weights: str, num_images: int) -> None:
    model = trained(weights, PRECISION[mode])
    images = Example(jnp.asarray(mnist(10_000)[:num_images] > 127, jnp.float32))
    key = jax.random.key(0)
    calls = 0

    def repetition() -> dict[str, float]:
        nonlocal calls
        calls += 1
        found = importance_log_evidence(
            jax.random.fold_in(key, calls), model, images, num_samples=NUM_SAMPLES, chunk_size=CHUNK
        )
        return {"log_evidence": found.summary().value}

    serve(repetition)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
