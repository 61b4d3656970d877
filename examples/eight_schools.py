"""Eight schools: how much does coaching help, where eight schools each measured it with an error?

Rubin 1981, "Estimation in parallel randomized experiments". The model is a NumPyro model; nothing in it knows latlas. On the
command line: `latlas bayes examples/eight_schools.py:eight_schools examples/eight_schools.json --out runs/schools`.
"""

import json
from pathlib import Path

import jax.random as jr
import numpyro
import numpyro.distributions as dist

from latlas import bayes


def eight_schools(J, y, sigma):
    """Effects of J schools around a common mean; tau says how much schools differ."""
    mu = numpyro.sample("mu", dist.Normal(0, 5))
    tau = numpyro.sample("tau", dist.HalfCauchy(5))
    with numpyro.plate("schools", J):
        theta = numpyro.sample("theta", dist.Normal(mu, tau))
        numpyro.sample("y", dist.Normal(theta, sigma), obs=y)


def main(seed=0):
    """The verdict, and what is believed of the mean effect and of the first school's."""
    data = json.loads(Path(__file__).with_suffix(".json").read_text())
    fit = bayes.fit(eight_schools, data, key=jr.key(seed))
    for rung in fit.ladder:
        print(rung)
    print(fit.verdict)
    for name in ("mu", "tau", "theta[0]"):
        row = fit.summary()[name]
        print(f"{name}: {row['mean']:.1f} with sd {row['sd']:.1f}")
    return fit


if __name__ == "__main__":
    main()
