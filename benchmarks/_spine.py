"""The spine's model of binarized MNIST, 784-200-200-50: trained once, kept as a run directory, found again."""

import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._data import binarized_mnist
from benchmarks._results import RESULTS
from benchmarks.ours._models import binary_to_float, burda_vae
from latlas.core import Example, RunDirectory, named_arrays, with_named_arrays
from latlas.models import VAE
from latlas.networks import MLP
from latlas.objectives import Elbo
from latlas.training import Adam, Schedule, Trainer

BATCH_SIZE = 100


def untrained(key, train: np.ndarray, encoder_width: int = 200) -> VAE:
    """The model with an encoder of two hidden layers of `encoder_width`; the decoder's stay at 200."""
    model = burda_vae(key, train.mean(0), 1)
    encoder = MLP(784, 100, (encoder_width, encoder_width), activation="tanh", key=jax.random.fold_in(key, 1))
    return eqx.tree_at(lambda m: m.recognition.encoder, model, encoder)


def trained(
    encoder_width: int = 200,
    *,
    epochs: int = 400,
    validated: bool = False,
    seed: int = 0,
    folder: Path = RESULTS / "spine",
) -> VAE:
    """The model after so many epochs of Adam from 1e-3 down a cosine; what was trained before is read.

    With `validated` the epoch with the best ELBO on the 10,000 validation images is kept instead of the last one.
    """
    splits = binarized_mnist()
    train = splits["train"]
    key = jax.random.key(seed)
    model = untrained(key, train, encoder_width)
    name = f"encoder-{encoder_width}-epochs-{epochs}-seed-{seed}{'-validated' if validated else ''}"
    path = folder / name
    run = (
        RunDirectory.open(path)
        if (path / "config.json").exists()
        else RunDirectory.create(path, {"encoder_width": encoder_width, "epochs": epochs, "seed": seed})
    )
    if run.finished:
        return with_named_arrays(model, run.load_model(), source=str(path))
    steps = epochs * (len(train) // BATCH_SIZE)
    rate = Schedule("cosine_decay_schedule", init_value=1e-3, decay_steps=steps)
    trainer = Trainer(Elbo(), Adam(rate), num_epochs=epochs, batch_size=BATCH_SIZE, prepare=binary_to_float)
    started = time.monotonic()
    with run.lock():
        valid = Example(jnp.asarray(splits["valid"])) if validated else None
        result = trainer.fit(key, model, Example(jnp.asarray(train)), valid=valid, run=run)
        run.save_model(named_arrays(result.model))
        run.finish()
    print(f"trained {path.name} in {time.monotonic() - started:.0f} s", flush=True)
    return result.model
