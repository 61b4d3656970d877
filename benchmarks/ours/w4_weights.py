"""Trains the model of W4 (784-200-200-50, tanh, binary digits) and writes its weights for all contenders.

The speed of the estimate does not depend on the weights; whether bf16 can be trusted does.
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._data import mnist
from benchmarks.ours.bare_scan import fresh, initial, make_epoch

HIDDEN, LATENT_DIM, EPOCHS = [200, 200], 50, 20


def main(path: Path) -> None:
    images = jnp.asarray((mnist() > 127).astype(np.uint8))
    epoch = make_epoch(len(images), LATENT_DIM, jnp.tanh, divisor=1.0)
    state, key = fresh(initial(HIDDEN, LATENT_DIM)), jax.random.key(0)
    for index in range(EPOCHS):
        state, loss = epoch(state, jax.random.fold_in(key, index), images)
        print(f"epoch {index + 1}/{EPOCHS}: negative ELBO {loss:.2f} nats", file=sys.stderr, flush=True)
    parameters = state[0]
    layers = [*parameters["encoder"], parameters["head"], *parameters["decoder"]]
    arrays = {f"{kind}{i}": np.asarray(layer[kind]) for i, layer in enumerate(layers) for kind in "wb"}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
