"""y = x^2 + noise with a standard normal prior on x: exact by quadrature, beside what each way of fitting says.

`python -m benchmarks square` prints the table.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from scipy import integrate, optimize

from latlas.bayes import from_log_density
from latlas.bayes.densities import Density
from latlas.bayes.engines import AbstractEngine, EngineResult, linearised_fit
from latlas.bayes.engines._names import engine_named
from latlas.core import LatlasError
from latlas.distributions.families import Affine, Diagonal, FullRank

NOISE = 0.1
OBSERVED = (-0.5, 0.0, 0.05, 0.5, 1.0)
ENGINES = ("laplace", "dadvi", "natural-gradient", "batch-and-match")


@dataclass(frozen=True)
class Row:
    """What is true of one observation, and what the approximations that have a closed form say.

    Attributes:
        observed: y.
        log_evidence: log p(y) in nats.
        mean: of x given y.
        variance: of x given y.
        right_mean: of x given y and x > 0.
        right_variance: of x given y and x > 0.
        laplace: (x, variance) at the mode of largest x.
        linearised: variance of the linearised model at x = 0.
        linearised_right: variance of the linearised model at the mode of largest x.
        optimal: (m, v, ELBO) of the normal with the highest ELBO.
        optimal_at_zero: the same for the best normal with mean zero.
    """

    observed: float
    log_evidence: float
    mean: float
    variance: float
    right_mean: float
    right_variance: float
    laplace: tuple[float, float]
    linearised: float
    linearised_right: float
    optimal: tuple[float, float, float]
    optimal_at_zero: tuple[float, float, float]


def log_joint(x, observed):
    """log p(x, y) in nats."""
    constant = -np.log(2.0 * np.pi * NOISE)
    return -0.5 * x**2 - 0.5 * ((observed - x**2) / NOISE) ** 2 + constant


def elbo(m, v, observed):
    """Of N(m, v) in nats, exactly: E (y - x^2)^2 = y^2 - 2 y (m^2 + v) + m^4 + 6 m^2 v + 3 v^2."""
    misfit = observed**2 - 2 * observed * (m**2 + v) + m**4 + 6 * m**2 * v + 3 * v**2
    return (
        0.5 * (1.0 + np.log(2 * np.pi * v))
        - np.log(2 * np.pi * NOISE)
        - 0.5 * (m**2 + v)
        - 0.5 * misfit / NOISE**2
    )


def row(observed):
    """The exact numbers for one observation."""
    peak = max(log_joint(x, observed) for x in np.linspace(0.0, 2.0, 2001))

    def moment(power):
        points = [np.sqrt(observed)] if observed > 0 else None
        return integrate.quad(
            lambda x: x**power * np.exp(log_joint(x, observed) - peak),
            0.0,
            6.0,
            epsabs=1e-14,
            limit=500,
            points=points,
        )[0]

    mass, first, second = (moment(k) for k in range(3))
    mode = np.sqrt(max(observed - 0.5 * NOISE**2, 0.0))
    laplace = 1.0 / (1.0 + 2.0 * (3.0 * mode**2 - observed) / NOISE**2)
    linear = [1.0 / (1.0 + (2.0 * x / NOISE) ** 2) for x in (0.0, mode)]
    at_zero = _best(observed, 0.0)
    best = max((_best(observed, m) for m in (0.0, mode)), key=lambda found: found[2])
    return Row(
        observed,
        float(np.log(2 * mass) + peak),
        0.0,
        second / mass,
        first / mass,
        second / mass - (first / mass) ** 2,
        (float(mode), laplace),
        *linear,
        best,
        at_zero,
    )


def _best(observed, start):
    """(m, v, ELBO) of a stationary normal, its mean held at zero if it starts there."""

    def loss(x):
        return -elbo(x[0] if start else 0.0, np.exp(x[1]), observed)

    found = optimize.minimize(
        loss, [start, np.log(0.01)], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13}
    )
    return float(found.x[0]) if start else 0.0, float(np.exp(found.x[1])), -float(found.fun)


def density(observed, start=0.0):
    """log p(x, y) as the engines take it, with x = start + 0.1 w."""

    def log_density(x, data):
        return jnp.sum(-0.5 * x**2 - 0.5 * ((data["observed"] - x**2) / NOISE) ** 2) - jnp.log(
            2 * jnp.pi * NOISE
        )

    whole = from_log_density(log_density, jnp.zeros(1), data={"observed": observed})
    return Density(whole).whitened(Affine(jnp.full(1, start), Diagonal(jnp.full(1, 0.1))))


def fitted(
    engine: str | AbstractEngine, observed: float, start: float
) -> tuple[float, float, EngineResult | None]:
    """(mean, variance, result) of one engine that begins at x = `start` with sd 0.1; nan where it refuses."""
    with jax.enable_x64(True):
        try:
            result = engine_named(engine)(
                jax.random.key(0), density(observed, start), FullRank(), tolerance=0.01
            )
        except LatlasError:
            return np.nan, np.nan, None
        q = result.approximation
        return start + 0.1 * float(q.loc[0]), 0.01 * float(q.scale_tril[0, 0] ** 2), result


def main(arguments: Sequence[str] = ()) -> int:
    """Prints the table."""
    argparse.ArgumentParser(prog="python -m benchmarks square", description=__doc__).parse_args(arguments)
    for observed in OBSERVED:
        r = row(observed)
        print(
            f"y = {observed:5.2f}  exact 0, {r.variance:.4f} (right half {r.right_mean:.3f}, {r.right_variance:.4f})"
        )
        print(f"  Laplace {r.laplace[1]:.4f} at {r.laplace[0]:.3f}")
        print(f"  linearised {r.linearised:.4f} at 0, {r.linearised_right:.4f} at {r.laplace[0]:.3f}")
        print(
            f"  KL optimum {r.optimal[0]:.3f}, {r.optimal[1]:.4f} (ELBO {r.optimal[2]:.2f}, log p(y) {r.log_evidence:.2f})"
        )
        at_zero = linearised_fit(lambda x: x**2, np.array([observed]), NOISE, np.zeros(1), np.ones(1))
        print(f"  linearised_fit from 0: {at_zero.covariance[0, 0]:.4f}. {at_zero.message}")
        for engine in ENGINES:
            shown = [fitted(engine, observed, start)[:2] for start in (0.0, r.laplace[0])]
            print(f"  {engine}: " + "; ".join(f"{m:.3f}, {v:.4f}" for m, v in shown))
    return 0
