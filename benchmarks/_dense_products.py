"""Products of one training step of the 784-512-20 autoencoder, batch 100: CPU time on one core.

Run pinned: `taskset -c 0 python benchmarks/_dense_products.py`. Prints per precision the forward and backward
time of the dense stack mapped per example against hand-batched products, then each of the three products of
one layer.
"""

import statistics
import time
from functools import partial

import jax
import jax.numpy as jnp
import jax.random as jr

from latlas.networks import Dense, bf16_matmul

BATCH = 100
LAYERS = ((784, 512), (512, 40), (20, 512), (512, 784))  # 40 is location and scale of 20
FLOP = 6 * BATCH * sum(a * b for a, b in LAYERS) - 2 * BATCH * 784 * 512  # no gradient for the data


def cpu_seconds(function, *args, repeats=9, calls=40):
    """Median CPU seconds of a call, compiled."""
    compiled = jax.jit(function).lower(*args).compile()
    jax.block_until_ready(compiled(*args))
    times = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(calls):
            out = compiled(*args)
        jax.block_until_ready(out)
        times.append((time.process_time() - start) / calls)
    return statistics.median(times)


def show(name, seconds, flop):
    print(f"{name:42s} {seconds * 1e6:8.0f} us {flop / seconds / 1e9:7.1f} GFLOP/s", flush=True)


def stack(layers, x):
    """Encoder and decoder without a likelihood; `x` one example or, for hand-batched layers, a batch."""
    hidden = jax.nn.relu(layers[0](x))
    hidden = layers[1](hidden)[..., :20]
    return layers[3](jax.nn.relu(layers[2](hidden)))


def per_example(layers, x):
    return jnp.sum(jnp.square(jax.vmap(lambda row: stack(layers, row))(x)))


def hand_batched(layers, x):
    by_hand = [lambda h, layer=layer: h @ layer.weight + layer.bias for layer in layers]
    return jnp.sum(jnp.square(stack(by_hand, x)))


def main():
    x = jr.uniform(jr.key(0), (BATCH, 784))
    for precision in ("float32", "bfloat16"):
        layers = [Dense(*size, key=jr.key(i), precision=precision) for i, size in enumerate(LAYERS)]
        show(f"{precision} step, vmap", cpu_seconds(jax.grad(per_example), layers, x), FLOP)
    show("float32 step, hand-batched", cpu_seconds(jax.grad(hand_batched), layers, x), FLOP)
    weight, cotangent = jr.normal(jr.key(1), (784, 512)), jr.normal(jr.key(2), (BATCH, 512))
    flop = 2 * BATCH * 784 * 512
    for name, product in (("float32", jnp.matmul), ("bfloat16", bf16_matmul)):
        show(f"{name} y = x W", cpu_seconds(product, x, weight), flop)
        show(f"{name} dx = dy W^T", cpu_seconds(partial(pull_x, product), weight, cotangent, x), flop)
        show(f"{name} dW = x^T dy", cpu_seconds(partial(pull_weight, product), x, cotangent, weight), flop)


def pull_x(product, weight, cotangent, x):
    return jax.linear_transpose(lambda a: product(a, weight), x)(cotangent)


def pull_weight(product, x, cotangent, weight):
    return jax.linear_transpose(lambda w: product(x, w), weight)(cotangent)


if __name__ == "__main__":
    main()
