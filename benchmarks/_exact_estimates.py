"""Every estimate of log p(x) where it is known: probabilistic PCA with ten latents, and latent classes."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
from scipy import stats

from benchmarks._results import show
from latlas.core import Example
from latlas.distributions import Bernoulli, diagonal_normal
from latlas.evaluation import Annealing, bracket, elbo, importance_log_evidence, renyi_bound
from latlas.models import PPCA, AbstractExactModel, AbstractRecognition, LatentClassModel, WithRecognition
from latlas.sampling import HMC, IndependentMetropolis

# which side of log p(x) an estimate is on in expectation, and whether it converges to it
LOWER, CONSISTENT_LOWER, CONSISTENT_UPPER, UPPER = "lower", "lower, consistent", "upper, consistent", "upper"


class Widened(AbstractRecognition):
    """A diagonal Gaussian at the posterior's mean with 1.2 times its scales."""

    model: PPCA

    def __call__(self, example: Example):
        q = self.model.posterior(example)
        return diagonal_normal(q.mean, 1.2 * jnp.sqrt(q.variance))


class Flattened(AbstractRecognition):
    """The posterior over the classes with its logits times 0.7."""

    model: LatentClassModel

    def __call__(self, example: Example):
        return dist.Categorical(logits=0.7 * self.model.posterior(example).logits)


def ppca(latent_dim: int = 10, features: int = 16) -> WithRecognition:
    weight = 0.6 * np.random.default_rng(0).normal(size=(features, latent_dim))
    model = PPCA(jnp.asarray(weight, jnp.float32), jnp.zeros(features), jnp.float32(0.7))
    return WithRecognition(model, Widened(model))


def latent_classes(classes: int = 6, features: int = 10) -> WithRecognition:
    rng = np.random.default_rng(0)
    params = jnp.asarray(1.5 * rng.normal(size=(classes, features)), jnp.float32)
    model = LatentClassModel(jnp.asarray(rng.normal(size=classes), jnp.float32), params, Bernoulli())
    return WithRecognition(model, Flattened(model))


def draw(key, model: AbstractExactModel, count: int) -> Example:
    def one(key):
        z_key, x_key = jr.split(key)
        return model.likelihood(model.prior().sample(z_key)).sample(x_key)

    return Example(np.asarray(jax.jit(jax.vmap(one))(jr.split(key, count))))


def estimates(
    model: WithRecognition, batch: Example, annealing: Annealing, num_samples: int
) -> dict[str, Any]:
    """Name -> (side, values, standard errors) of each estimate of log p(x)."""
    keys = iter(jr.split(jr.key(1), 8))
    found = elbo(next(keys), model, batch, num_samples=num_samples)
    rows = {"ELBO": (LOWER, found.elbo, found.standard_error)}
    for name, side, alpha in (("VR, alpha 0.5", LOWER, 0.5), ("CUBO (alpha -1)", UPPER, -1.0)):
        bound = renyi_bound(next(keys), model, batch, alpha=alpha, num_samples=num_samples)
        rows[name] = (side, bound.log_evidence, bound.standard_error)
    whole = importance_log_evidence(next(keys), model, batch, num_samples=num_samples)
    rows[f"IWAE-{num_samples}"] = (CONSISTENT_LOWER, whole.log_evidence, whole.standard_error)
    for start, proposal in (("prior", None), ("q", model.recognition)):
        both = bracket(next(keys), model, batch, annealing=annealing, proposal=proposal, num_simulated=0)
        rows[f"AIS from {start}"] = (CONSISTENT_LOWER, both.lower.log_evidence, both.lower.standard_error)
        rows[f"reverse AIS to {start}"] = (
            CONSISTENT_UPPER,
            both.upper.log_evidence,
            both.upper.standard_error,
        )
    return rows


def compare(
    model: WithRecognition, annealing: Annealing, seeds: int, examples: int, num_samples: int
) -> list[dict]:
    """Each estimate against the truth: its mean gap over all, and per seed in its own standard errors."""
    batch = draw(jr.key(0), model.model, seeds * examples)
    exact = np.asarray(jax.jit(jax.vmap(model.model.log_evidence))(batch), np.float64)
    rows = []
    for name, (side, value, error) in estimates(model, batch, annealing, num_samples).items():
        gap = value - exact
        of_seeds = gap.reshape(seeds, examples).mean(1)
        errors = np.sqrt(np.square(np.float64(error)).reshape(seeds, examples).sum(1)) / examples
        rows.append({
            "estimate": name, "side": side, "gap": float(gap.mean()),
            "standard_error": float(gap.std(ddof=1) / np.sqrt(len(gap))),
            "worst_in_errors": float(np.max(np.abs(of_seeds / errors))),
            "holds": bool(_holds(side, gap, of_seeds, errors)),
        })  # fmt: skip
    width = rows[-3]["gap"] - rows[-4]["gap"]
    rows.append({"estimate": "width of the bracket from the prior", "side": "below 0.1", "gap": width,
                 "standard_error": float(np.hypot(rows[-3]["standard_error"], rows[-4]["standard_error"])),
                 "worst_in_errors": float("nan"), "holds": width < 0.1})  # fmt: skip
    return rows


def _holds(side, gap, of_seeds, errors):
    """Whether it lies on its side in the mean, up to chance, and if it is consistent agrees with the truth in every seed.

    One without bias whose errors are true is refused in one of a hundred cases, whatever the number of seeds.
    """
    sign = -1 if side.startswith("lower") else 1
    on_its_side = sign * gap.mean() > -2 * gap.std(ddof=1) / np.sqrt(len(gap)) - 1e-5
    agrees = np.all(np.abs(of_seeds / errors) < stats.norm.isf(0.01 / 2 / len(of_seeds)))
    return on_its_side and (agrees or "consistent" not in side)


def exact_estimates(seeds: int, examples: int = 40) -> dict[str, list[dict]]:
    """Both models, shown and returned."""
    hmc = Annealing(num_temperatures=1000, num_chains=16, transition=HMC(num_leapfrog=10))
    independent = Annealing(num_temperatures=400, num_chains=64, transition=IndependentMetropolis(2))
    found = {
        "probabilistic PCA, 10 latents": compare(ppca(), hmc, seeds, examples, 5000),
        "latent classes, 6": compare(latent_classes(), independent, seeds, examples, 5000),
    }
    for title, rows in found.items():
        table = [
            [row["estimate"], row["side"], f"{row['gap']:+.4f}", f"{row['standard_error']:.4f}",
             f"{row['worst_in_errors']:.1f}", str(row["holds"])]
            for row in rows
        ]  # fmt: skip
        columns = ["estimate", "expected", "mean - exact", "s.e.", "worst seed, in s.e.", "holds"]
        show(f"{title}: {seeds} seeds of {examples} examples", columns, table)
    return found
