"""Long runs of NUTS as the truth of W3: `python -m benchmarks._bayes_reference PROBLEM DRAWS FILE`, in float64."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
from numpyro.infer import MCMC, NUTS

from benchmarks._bayes_problems import PROBLEMS
from benchmarks._race import RESULTS, ROOT, child_variables

NUM_CHAINS, NUM_WARMUP = 4, 1000


def reference(name: str, num_draws: int) -> dict[str, np.ndarray]:
    """Mean, sd, smallest effective sample size and largest R-hat; run once per data, model and length."""
    path = RESULTS / f"bayes_reference_{name}_{num_draws}_{PROBLEMS[name]().digest}.npz"
    if not path.exists():
        print(
            f"  {name}: the reference, {NUM_CHAINS} x {num_draws} draws of NUTS (once)",
            file=sys.stderr,
            flush=True,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "benchmarks._bayes_reference", name, str(num_draws), str(path)]
        subprocess.run(command, check=True, cwd=ROOT, env=child_variables() | {"JAX_ENABLE_X64": "1"})
    with np.load(path) as arrays:
        return dict(arrays)


def main(name: str, num_draws: int, path: Path) -> None:
    problem = PROBLEMS[name]()
    chains = MCMC(
        NUTS(problem.model), num_warmup=NUM_WARMUP, num_samples=num_draws, num_chains=NUM_CHAINS,
        chain_method="sequential", progress_bar=False,
    )  # fmt: skip
    chains.run(jax.random.key(0))
    samples = {site: np.asarray(value) for site, value in chains.get_samples(group_by_chain=True).items()}
    draws = problem.flat(samples, constrained=True)
    squares = (draws - draws.mean((0, 1))) ** 2  # what the sds are estimated from
    unfinished = path.with_suffix(".part.npz")
    np.savez(
        unfinished,
        mean=draws.mean((0, 1)),
        sd=draws.std((0, 1)),
        effective=min(effective_sample_size(draws).min(), effective_sample_size(squares).min()),
        r_hat=split_gelman_rubin(draws).max(),
    )
    os.replace(unfinished, path)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
