"""`latlas.bayes` as a contender; a method is `ENGINE` or `ENGINE/FAMILY`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import latlas
from benchmarks._posteriordb_density import Density

VERDICTS = ("trust", "means only", "do not trust")


def prepare(
    target: Density, method: str
) -> Callable[[int], tuple[Callable[[int], np.ndarray], dict[str, Any]]]:
    """A function from a seed to draws and facts, as every contender has it; what users of `latlas` would call."""
    engine, _, family = method.partition("/")

    def fit(seed: int) -> tuple[Callable[[int], np.ndarray], dict[str, Any]]:
        start = jnp.zeros(target.dimension)
        found = latlas.bayes.fit(
            target.log_density, start, key=jax.random.key(seed), engine=engine, family=family or None
        )
        reason = str(found.verdict)
        facts = {
            "verdict": next(verdict for verdict in VERDICTS if reason.startswith(verdict)),
            "reason": reason,
            "engine": str(found.engine),
            "family": str(found.family),
            "elbo": float(found.elbo.value),
            "pareto_k": float(found.pareto_k),
            "gradients": int(found.num_evaluations),
            "own_seconds": float(found.seconds),
        }
        return lambda num: np.asarray(found.sample(jax.random.key(10_000 + seed), num)), facts

    return fit
