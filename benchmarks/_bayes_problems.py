"""W3: a logistic regression (10,000 rows, 50 weights) and a hierarchy (4,000 rows, 85 groups, 175 parameters).

Each is written twice, as a NumPyro model and as a log density of one unconstrained vector: the same posterior.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist


@dataclass(frozen=True)
class Problem:
    """One posterior.

    Attributes:
        dimension: length of the unconstrained vector.
        log_density: of that vector; computes in the precision that is switched on where it is called.
        model: the same for NumPyro.
        sites: NumPyro's names and sizes in the order of the vector, 0 for a number; a `scale` is unconstrained as
            its logarithm.
        digest: of the data and of this file.
    """

    dimension: int
    log_density: Callable[[jax.Array], jax.Array]
    model: Callable[[], None]
    sites: dict[str, int]
    digest: str

    def flat(self, values: Mapping[str, np.ndarray], *, constrained: bool) -> np.ndarray:
        """Sites `(..., size)` as one array `(..., dimension)`; of `constrained` ones, scales become logarithms."""
        columns = []
        for name, size in self.sites.items():
            value = np.asarray(values[name], np.float64)
            value = np.log(value) if constrained and name.startswith("scale") else value
            columns.append(value if size else value[..., None])
        return np.concatenate(columns, axis=-1)

    def split(self, vector: jax.Array) -> dict[str, jax.Array]:
        """The unconstrained sites of one vector."""
        ends = np.cumsum([max(size, 1) for size in self.sites.values()])
        pieces = jnp.split(vector, ends[:-1])
        return {
            name: piece if size else piece[0]
            for (name, size), piece in zip(self.sites.items(), pieces, strict=True)
        }


def logistic(num_rows: int = 10_000, num_weights: int = 50) -> Problem:
    """Bernoulli outcomes with standard normal weights; the truth has sds of 0.5."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(num_rows, num_weights)).astype(np.float32)
    truth = 0.5 * rng.normal(size=num_weights).astype(np.float32)
    outcome = (rng.random(num_rows) < 1 / (1 + np.exp(-(features @ truth)))).astype(np.float64)
    features = features.astype(np.float64)

    def log_density(weights: jax.Array) -> jax.Array:
        logits = jnp.asarray(features) @ weights
        return jnp.asarray(outcome) @ logits - jax.nn.softplus(logits).sum() - 0.5 * weights @ weights

    def model() -> None:
        weights = numpyro.sample("weights", dist.Normal(0.0, 1.0).expand([num_weights]).to_event(1))
        numpyro.sample(
            "y", dist.Bernoulli(logits=jnp.asarray(features) @ weights).to_event(1), obs=jnp.asarray(outcome)
        )

    return Problem(num_weights, log_density, model, {"weights": num_weights}, _digest(features, outcome))


def hierarchical(num_rows: int = 4000, num_groups: int = 85) -> Problem:
    """Intercepts and slopes per group around common means, with three unknown scales (centred)."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, num_groups, num_rows)
    intercepts = 1.5 + 0.4 * rng.normal(size=num_groups)
    slopes = -0.7 + 0.3 * rng.normal(size=num_groups)
    floor = rng.integers(0, 2, num_rows).astype(np.float64)
    outcome = intercepts[group] + slopes[group] * floor + 0.7 * rng.normal(size=num_rows)
    outcome = outcome.astype(np.float32).astype(np.float64)

    def log_density(vector: jax.Array) -> jax.Array:
        centres, log_scales = vector[:2], vector[2:5]
        scales = jnp.exp(log_scales)
        of_group = vector[5:].reshape(2, num_groups)
        means = of_group[0, group] + of_group[1, group] * jnp.asarray(floor)
        above = ((of_group - centres[:, None]) / scales[:2, None]) ** 2
        prior = -0.5 * centres @ centres / 25 - 0.5 * scales @ scales + log_scales.sum()
        groups = -0.5 * above.sum() - num_groups * log_scales[:2].sum()
        errors = (jnp.asarray(outcome) - means) / scales[2]
        return prior + groups - 0.5 * errors @ errors - num_rows * log_scales[2]

    def model() -> None:
        centre_a = numpyro.sample("centre_a", dist.Normal(0.0, 5.0))
        centre_b = numpyro.sample("centre_b", dist.Normal(0.0, 5.0))
        scale_a, scale_b, scale_y = (
            numpyro.sample(f"scale_{name}", dist.HalfNormal(1.0)) for name in ("a", "b", "y")
        )
        a = numpyro.sample("intercepts", dist.Normal(centre_a, scale_a).expand([num_groups]).to_event(1))
        b = numpyro.sample("slopes", dist.Normal(centre_b, scale_b).expand([num_groups]).to_event(1))
        means = a[group] + b[group] * jnp.asarray(floor)
        numpyro.sample("y", dist.Normal(means, scale_y).to_event(1), obs=jnp.asarray(outcome))

    numbers = ("centre_a", "centre_b", "scale_a", "scale_b", "scale_y")
    sites = dict.fromkeys(numbers, 0) | {"intercepts": num_groups, "slopes": num_groups}
    return Problem(5 + 2 * num_groups, log_density, model, sites, _digest(group, floor, outcome))


PROBLEMS: dict[str, Callable[[], Problem]] = {"logistic": logistic, "hierarchical": hierarchical}


def _digest(*arrays: np.ndarray) -> str:
    content = [array.tobytes() for array in arrays] + [Path(__file__).read_bytes()]
    return hashlib.sha256(b"".join(content)).hexdigest()[:12]
