"""The floor: how fast this core multiplies float32 matrices, at the best size and at the shapes of W1.

`peak` is the best rate of numpy and JAX at 2048 cubed; `step_seconds` the time that the products of one
W1 step (forward, and the two of the backward pass) take by themselves in numpy at their own shapes.
"""

import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._clock import num_cores, serve

BATCH_SIZE = 100
LAYERS = ((784, 512), (512, 40), (20, 512), (512, 784))


def products() -> list[tuple[int, int, int]]:
    """`(m, k, n)` of every product of a step; the first layer needs no derivative to its input."""
    shapes = []
    for index, (inputs, outputs) in enumerate(LAYERS):
        shapes.append((BATCH_SIZE, inputs, outputs))
        shapes.append((inputs, BATCH_SIZE, outputs))
        if index:
            shapes.append((BATCH_SIZE, outputs, inputs))
    return shapes


FLOP_PER_STEP = sum(2 * m * k * n for m, k, n in products())


def main() -> None:
    clock = time.process_time if num_cores() == 1 else time.perf_counter
    rng = np.random.default_rng(0)
    operands = [
        (rng.random((m, k), np.float32), rng.random((k, n), np.float32), np.empty((m, n), np.float32))
        for m, k, n in products()
    ]
    left, right = (rng.random((2048, 2048), np.float32) for _ in range(2))
    out = np.empty_like(left)
    device = jnp.asarray(left), jnp.asarray(right)
    dot = jax.jit(jnp.dot)
    cube = 2 * 2048**3 / 1e9

    def rate(call, number: int) -> float:
        start = clock()
        for _ in range(number):
            call()
        return number / max(clock() - start, 1e-9)

    def step() -> None:
        for a, b, c in operands:
            np.dot(a, b, out=c)

    def repetition() -> dict[str, float]:
        figures = {
            "numpy": cube * rate(lambda: np.dot(left, right, out=out), 3),
            "jax": cube * rate(lambda: dot(*device).block_until_ready(), 3),
            "step_seconds": 1 / rate(step, 100),
        }
        return {**figures, "peak": max(figures["numpy"], figures["jax"])}

    serve(repetition)


if __name__ == "__main__":
    main()
