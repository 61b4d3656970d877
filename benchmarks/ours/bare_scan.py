"""The yardstick: a VAE's epoch as one bare `lax.scan` in plain JAX, with its own Adam and nothing else.

No library stands between this loop and XLA, so it shows what the public `fit` costs on top of the work.
It also makes the trained weights of the evidence benchmark.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._clock import serve
from benchmarks._data import mnist

BATCH_SIZE, LATENT_DIM, HIDDEN = 100, 20, 512


def initial(hidden: Sequence[int], latent_dim: int, seed: int = 0) -> dict:
    """Layers `{"w", "b"}` of encoder, head (location and log-variance) and decoder; uniform by fan-in."""
    rng = np.random.default_rng(seed)

    def layers(widths: Sequence[int]) -> list[dict]:
        return [
            {"w": jnp.asarray(rng.uniform(-1, 1, (m, n)) / np.sqrt(m), jnp.float32), "b": jnp.zeros(n)}
            for m, n in pairwise(widths)
        ]

    widths = [784, *hidden]
    return {
        "encoder": layers(widths),
        "head": layers([hidden[-1], 2 * latent_dim])[0],
        "decoder": layers([latent_dim, *hidden[::-1], 784]),
    }


def negative_elbo(parameters: dict, x: jax.Array, noise: jax.Array, activation: Callable) -> jax.Array:
    """Nats per example: Bernoulli distortion in its cheap form plus the closed-form rate."""
    hidden = x
    for layer in parameters["encoder"]:
        hidden = activation(hidden @ layer["w"] + layer["b"])
    loc, log_variance = jnp.split(hidden @ parameters["head"]["w"] + parameters["head"]["b"], 2, -1)
    scale = jnp.exp(0.5 * log_variance)
    hidden = loc + scale * noise
    for layer in parameters["decoder"][:-1]:
        hidden = activation(hidden @ layer["w"] + layer["b"])
    logits = hidden @ parameters["decoder"][-1]["w"] + parameters["decoder"][-1]["b"]
    distortion = jnp.sum(jnp.maximum(logits, 0) - x * logits + jnp.log1p(jnp.exp(-jnp.abs(logits))))
    rate = -0.5 * jnp.sum(1 + log_variance - loc * loc - scale * scale)
    return (distortion + rate) / x.shape[0]


def adam(
    parameters: dict, moments: tuple, gradient: dict, step: jax.Array, rate: float
) -> tuple[dict, tuple]:
    """Adam per leaf with the bias corrections folded into one scalar."""
    count = step.astype(jnp.float32) + 1
    corrected = rate * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], gradient)
    square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, moments[1], gradient)
    parameters = jax.tree.map(
        lambda p, m, v: p - corrected * m / (jnp.sqrt(v) + 1e-8), parameters, mean, square
    )
    return parameters, (mean, square)


def make_epoch(
    num_images: int, latent_dim: int, activation: Callable, *, divisor: float = 255.0, rate: float = 1e-3
) -> Callable:
    """The compiled `(state, key, images) -> (state, loss)` of one epoch; `state` is donated."""
    num_steps = num_images // BATCH_SIZE

    def epoch(state: tuple, key: jax.Array, images: jax.Array) -> tuple[tuple, jax.Array]:
        order_key, noise_key = jax.random.split(key)
        order = jax.random.permutation(order_key, num_images)[: num_steps * BATCH_SIZE]
        order, keys = order.reshape(num_steps, BATCH_SIZE), jax.random.split(noise_key, num_steps)

        def step(state: tuple, index: jax.Array) -> tuple[tuple, jax.Array]:
            parameters, moments, count = state
            x = images[order[index]].astype(jnp.float32) * (1 / divisor)
            noise = jax.random.normal(keys[index], (BATCH_SIZE, latent_dim))
            loss, gradient = jax.value_and_grad(negative_elbo)(parameters, x, noise, activation)
            parameters, moments = adam(parameters, moments, gradient, count, rate)
            return (parameters, moments, count + 1), loss

        state, losses = jax.lax.scan(step, state, jnp.arange(num_steps))
        return state, losses.mean()

    return jax.jit(epoch, donate_argnums=0)


def fresh(parameters: dict) -> tuple:
    """Parameters with zero moments and no step done."""
    zeros = lambda: jax.tree.map(jnp.zeros_like, parameters)  # noqa: E731 - two trees that must not share buffers
    return parameters, (zeros(), zeros()), jnp.zeros((), jnp.int32)


def main() -> None:
    images = jnp.asarray(mnist())
    epoch = make_epoch(len(images), LATENT_DIM, jax.nn.relu)
    state, key = fresh(initial([HIDDEN], LATENT_DIM)), jax.random.key(0)

    def repetition() -> dict[str, float]:
        nonlocal state, key
        key, epoch_key = jax.random.split(key)
        state, loss = epoch(state, epoch_key, images)
        return {"loss": float(loss)}

    serve(repetition)


if __name__ == "__main__":
    main()
