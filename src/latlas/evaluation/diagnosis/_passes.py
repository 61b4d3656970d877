"""The two compiled passes over the examples that a diagnosis is made from.

The first draws from each posterior and keeps what the draws say; the second holds every example against the draws of the
others: how well its posterior can tell them apart, and how well its data are explained by another's z.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar, Shaped

from latlas.core import Example, num_examples
from latlas.distributions import has_closed_form, kl_divergence
from latlas.evaluation.diagnosis._layers import is_point, layers, log_density, moment, vector
from latlas.evaluation.diagnosis._levels import densities
from latlas.evaluation.diagnosis._residuals import dispersions, outside_support, residuals
from latlas.evaluation.evidence._elbo import kl_per_dimension
from latlas.evaluation.evidence._sampled_terms import Prepare, Sampling, prepared
from latlas.stats import pareto_k

# of how many other examples' draws each example is tried with
_NUM_OTHERS = 4


class OfDraws(eqx.Module):
    """What the draws of one example's posterior say.

    Attributes:
        sampling: how many draws.
        spread: of each entry of x over the examples, for the residuals; `None` for no residuals.
        with_prior: whether the model has one.
    """

    sampling: Sampling
    spread: PyTree[Float[Array | np.ndarray, "..."]] | None
    with_prior: bool = eqx.field(static=True)

    def __call__(self, key: PRNGKeyArray, model: Any, example: Example) -> dict[str, PyTree[Array]]:
        q = model.posterior(example)
        p = model.prior(example.condition) if self.with_prior else None

        def one_draw(index: Array) -> dict[str, PyTree[Array]]:
            z = q.sample(jr.fold_in(key, index))
            likelihood = model.likelihood(z, example.condition)
            draw = {"z": z, "log_likelihood": likelihood.log_prob(example.x, example.observed)}
            draw |= {"q": {name: _of_layer(*layer) for name, layer in layers(q, z).items()}}
            return draw | {
                "p": {n: _of_layer(*layer) for n, layer in layers(p, z).items()} if p is not None else {}
            }

        draws = self._all(one_draw)
        first = jax.tree.map(lambda leaf: leaf[0], draws["z"])
        likelihood = model.likelihood(first, example.condition)
        log_q, log_p = (
            sum((layer["log_density"] for layer in draws[side].values()), jnp.asarray(0.0)) for side in "qp"
        )
        points = [
            any(is_point(link) for link, _ in layers(d, first).values()) if d is not None else False
            for d in (q, p)
        ]
        return {
            "log_likelihood": jnp.mean(draws["log_likelihood"]),
            "own": draws["log_likelihood"][0],
            "z": first,
            "rate": _rate(q, p, log_q - log_p, point=points[0]) if p is not None else jnp.float32(jnp.nan),
            "log_prior": log_p[0] if p is not None else jnp.float32(jnp.nan),
            "outside_data": outside_support(likelihood, example.x, example.observed),
            "residuals": self._residuals(key, likelihood, example),
            "dispersions": self._dispersions(key, likelihood, example),
            "densities": densities(likelihood, example.x, example.observed),
            "kl_per_dimension": kl_per_dimension(q, p) if p is not None else None,
            "outside_prior": jnp.mean(jnp.isneginf(log_p)) if p is not None else jnp.float32(0),
            "pareto_k": pareto_k(draws["log_likelihood"] + log_p - log_q)
            if p is not None
            else jnp.float32(jnp.nan),
            "point_posterior": jnp.asarray(points[0]),
            "point_prior": jnp.asarray(points[1]),
            "layers": _halves(draws["q"], draws["p"]),
        }

    def _residuals(self, key: PRNGKeyArray, likelihood: Any, example: Example) -> dict[str, Array]:
        if self.spread is None:
            return {}
        # a number that no draw has
        key = jr.fold_in(key, self.sampling.num_samples)
        return residuals(key, likelihood, example.x, example.observed, self.spread)

    def _dispersions(self, key: PRNGKeyArray, likelihood: Any, example: Example) -> dict[str, Array]:
        if self.spread is None:
            return {}
        key = jr.fold_in(key, self.sampling.num_samples)
        return dispersions(key, likelihood, example.x, example.observed)

    def _all(self, one_draw: Callable[[Array], PyTree[Array]]) -> PyTree[Array]:
        """All draws, with a leading axis, in chunks."""
        total = self.sampling.num_samples
        chunks = -(-total // self.sampling.chunk_size)
        size = -(-total // chunks)
        found = jax.lax.map(jax.vmap(one_draw), jnp.arange(chunks * size).reshape(chunks, size))
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:total], found)


def _of_layer(distribution: Any, z: PyTree[Array]) -> dict[str, Array]:
    value = vector(z)
    mean, variance = (moment(distribution, name, value.size) for name in ("mean", "variance"))
    return {
        "log_density": log_density(distribution, z),
        "value": value,
        # without a mean of its own the draw is an unbiased one
        "mean": jnp.where(jnp.isnan(mean), value, mean),
        "variance": variance,
    }


def _rate(q: Any, p: Any, log_ratio: Float[Array, " samples"], *, point: bool) -> Scalar:
    sampled = jnp.mean(log_ratio)
    if point:  # a point has no density: its KL to anything that has one is infinite
        return jnp.full_like(sampled, jnp.inf)
    exact = kl_divergence(q, p) if has_closed_form(q, p) else sampled
    return jnp.where(jnp.isposinf(sampled), jnp.inf, exact)


def _halves(q: dict[str, dict], p: dict[str, dict]) -> dict[str, dict[str, Array]]:
    """Of each layer: its mean from each half of the draws, its variances, its rate."""
    found = {}
    for name, of_q in q.items():
        middle = len(of_q["mean"]) // 2
        # q and p of the layer are given the same latents only where both factorise in the same order
        same_order = list(q) == list(p)
        ratio = of_q["log_density"] - p[name]["log_density"] if same_order else jnp.nan
        prior = p[name]["variance"] if name in p else jnp.full_like(of_q["variance"], jnp.nan)
        found[name] = {
            "halves": jnp.stack([of_q["mean"][:middle].mean(0), of_q["mean"][middle:].mean(0)]),
            "value": of_q["value"][0],
            "variance": of_q["variance"].mean(0),
            "prior_variance": prior.mean(0),
            "rate": jnp.mean(ratio),
        }
    return found


class Between(eqx.Module):
    """One example against the draws of the others.

    Attributes:
        draws: one latent of each example.
        prepare: as in training.
    """

    draws: PyTree[Shaped[Array | np.ndarray, "examples ..."]]
    prepare: Prepare | None

    def __call__(self, args: tuple, row: tuple[Array, Example]) -> dict[str, Array]:
        (key, model), (index, example) = args, row
        example = prepared(self.prepare, jr.fold_in(key, index), example)
        q = model.posterior(example)
        total = num_examples(self.draws)

        def of_other(step: Array) -> Scalar:
            z = jax.tree.map(lambda leaf: leaf[(index + step) % total], self.draws)
            return model.likelihood(z, example.condition).log_prob(example.x, example.observed)

        # the same distances for all: every draw is tried as often as any other
        steps = jnp.asarray([max(1, k * total // (_NUM_OTHERS + 1)) for k in range(1, _NUM_OTHERS + 1)])
        return {"log_q": jax.vmap(q.log_prob)(self.draws), "others": jax.vmap(of_other)(steps)}
