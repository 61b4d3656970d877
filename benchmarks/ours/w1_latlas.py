"""W1 through the public `Trainer.fit`. Modes: `f32`, `bf16` (products with bfloat16 operands)."""

import sys

import jax
import jax.numpy as jnp

from benchmarks._clock import serve
from benchmarks._data import mnist
from benchmarks.ours._models import grey_to_unit, mlp_vae
from latlas.core import Example
from latlas.objectives import Elbo
from latlas.training import Adam, Trainer

PRECISION = {"f32": "float32", "bf16": "bfloat16"}
# a lap is one call of fit with everything it does besides training; real calls train for longer
EPOCHS = 2


def main(mode: str) -> None:
    data = Example(jnp.asarray(mnist()))
    key = jax.random.key(0)
    model = mlp_vae(key, (512,), 20, "relu", PRECISION[mode])
    trainer = Trainer(Elbo(), Adam(1e-3), num_epochs=EPOCHS, batch_size=100, prepare=grey_to_unit)
    calls = 0

    def repetition() -> dict[str, float]:
        nonlocal model, calls
        calls += 1
        result = trainer.fit(jax.random.fold_in(key, calls), model, data)
        model = result.model
        return {"loss": result.history[-1]["train"]["loss"], "units": EPOCHS}

    serve(repetition)


if __name__ == "__main__":
    main(sys.argv[1])
