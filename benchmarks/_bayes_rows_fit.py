"""A fit of ours to rows in files, and the memory it took: `python -m benchmarks._bayes_rows_fit FOLDER BATCH SEED`.

Two peaks are reported. `resident` is the kernel's high-water mark of everything in memory, pages of the mapped files
included, which the kernel takes back when others need them. `anonymous` is what the process itself holds (Linux's
RssAnon, read every 50 ms).
"""

import json
import os
import resource
import sys
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import latlas
from benchmarks._bayes_rows import NUM_WEIGHTS, load
from benchmarks._clock import Clock

NUM_DRAWS = 10_000


class AnonymousPeak:
    """The largest RssAnon of this process while a block ran, in bytes; 0 where there is no `/proc`."""

    def __enter__(self) -> "AnonymousPeak":
        self.peak, self._done = _anonymous(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.peak = max(self.peak, _anonymous())

    def __exit__(self, *exception: object) -> None:
        self._done.set()
        self._thread.join()
        self.peak = max(self.peak, _anonymous())


def _anonymous() -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)


def log_prior(weights: jax.Array) -> jax.Array:
    """Standard normal, without its constant."""
    return -0.5 * weights @ weights


def log_likelihood(weights: jax.Array, rows: tuple[jax.Array, jax.Array]) -> jax.Array:
    """Of each row of a batch, `(batch,)`."""
    features, outcome = rows
    logits = features @ weights
    return outcome * logits - jax.nn.softplus(logits)


def main(folder: Path, batch_size: int, seed: int) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print
    with AnonymousPeak() as memory, Clock() as clock:
        start = jnp.zeros(NUM_WEIGHTS)
        target = latlas.bayes.minibatched(
            log_prior, log_likelihood, start, load(folder), batch_size=batch_size
        )
        key = jax.random.key(seed)
        found = latlas.bayes.fit(target, key=key, engine="advi", family="full-rank")
        draws = np.asarray(found.sample(jax.random.key(10_000 + seed), NUM_DRAWS))
    unit = 1 if sys.platform == "darwin" else 1024
    answer = {
        "seconds": clock.wall,
        "cpu": clock.cpu,
        "background": clock.background,
        "resident": unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "anonymous": memory.peak,
        "mean": draws.mean(0).tolist(),
        "sd": draws.std(0).tolist(),
        "verdict": str(found.verdict),
        "gradients": int(found.num_evaluations),
    }
    print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
