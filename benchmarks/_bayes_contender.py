"""A contender of W3: `python -m benchmarks._bayes_contender {latlas,svi,loop} PROBLEM`.

`svi` is NumPyro's `svi.run`, as its users call it; `loop` is the same with the compiled loop kept between calls.
Every lap fits with another key. The times of a lap are its own and hold the fit alone, not the moments that follow.
"""

import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import numpyro
from numpyro.infer import SVI, Trace_ELBO, autoguide

import latlas
from benchmarks._bayes_problems import PROBLEMS, Problem
from benchmarks._clock import Clock, serve

NUM_STEPS, STEP_SIZE = 10_000, 0.01
NUM_DRAWS = 20_000


def latlas_fit(problem: Problem) -> Callable[[int], dict[str, Any]]:
    """Deterministic ADVI with a mean-field family; `repaired` are the sds with the linear response."""
    start = np.zeros(problem.dimension)

    def lap(seed: int) -> dict[str, Any]:
        with Clock() as clock:
            found = latlas.bayes.fit(
                problem.log_density, start, key=jax.random.key(seed), engine="dadvi", family="mean-field"
            )
            mean, sd = np.asarray(found.mean), np.asarray(found.sd)
        draws = np.asarray(found.sample(jax.random.key(10_000 + seed), NUM_DRAWS))
        return _answer(clock, mean, draws.std(0)) | {
            "repaired": sd.tolist(), "drawn": draws.mean(0).tolist(), "verdict": str(found.verdict),
            "gradients": int(found.num_evaluations),
        }  # fmt: skip

    return lap


def svi_fit(problem: Problem) -> Callable[[int], dict[str, Any]]:
    """NumPyro's `svi.run`."""
    svi = _svi(problem)

    def lap(seed: int) -> dict[str, Any]:
        with Clock() as clock:
            found = svi.run(jax.random.key(seed), NUM_STEPS, progress_bar=False)
            jax.block_until_ready(found.losses)
        return _answer(clock, *_moments(problem, found.params))

    return lap


def loop_fit(problem: Problem) -> Callable[[int], dict[str, Any]]:
    """The same steps in a compiled loop that is kept."""
    svi = _svi(problem)
    run = jax.jit(lambda state: jax.lax.scan(lambda s, _: svi.update(s), state, None, length=NUM_STEPS))

    def lap(seed: int) -> dict[str, Any]:
        start = jax.block_until_ready(svi.init(jax.random.key(seed)))
        with Clock() as clock:
            state, losses = run(start)
            jax.block_until_ready(losses)
        return _answer(clock, *_moments(problem, svi.get_params(state)))

    return lap


def _svi(problem: Problem) -> SVI:
    guide = autoguide.AutoNormal(problem.model)
    return SVI(problem.model, guide, numpyro.optim.Adam(STEP_SIZE), Trace_ELBO())


def _moments(problem: Problem, parameters: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Means and sds of the guide, exact, of the unconstrained vector."""
    location, scale = (
        problem.flat({name: parameters[f"{name}_auto_{part}"] for name in problem.sites}, constrained=False)
        for part in ("loc", "scale")
    )
    return location, scale


def _answer(clock: Clock, mean: np.ndarray, sd: np.ndarray) -> dict[str, Any]:
    return {"fit_cpu": clock.cpu, "fit_wall": clock.wall, "mean": mean.tolist(), "sd": sd.tolist()}


def main(contender: str, name: str) -> None:
    fits = {"latlas": latlas_fit, "svi": svi_fit, "loop": loop_fit}
    lap = fits[contender](PROBLEMS[name]())
    seeds = iter(range(1_000_000))
    serve(lambda: lap(next(seeds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
