"""From the start of a process to its first training step (W1), and what a second such fit compiles."""

import json
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.ours._models import grey_to_unit, mlp_vae
from latlas.core import Example
from latlas.objectives import Elbo
from latlas.training import Adam, Trainer


def main() -> None:
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: compiled.append(event) if "backend_compile" in event else None
    )
    first_step_cpu = 0.0
    images = np.random.default_rng(0).integers(0, 256, (1000, 784), np.uint8)
    for seed in (0, 1):
        compiled.clear()
        key = jax.random.key(seed)
        model = mlp_vae(key, (512,), 20, "relu")
        trainer = Trainer(Elbo(), Adam(1e-3), num_steps=1, batch_size=100, prepare=grey_to_unit)
        trainer.fit(key, model, Example(jnp.asarray(images)))
        first_step_cpu = first_step_cpu or time.process_time()
    print(json.dumps({"cpu": first_step_cpu, "compiled_in_second_fit": len(compiled)}))


if __name__ == "__main__":
    main()
