"""What a diagnosis is made from: everything measured once, in two compiled passes over the examples.

The first pass draws from each posterior and keeps what the draws say; the second holds every example against
the draws of the others: how well its posterior can tell them apart (the information in z), and how well its
data are explained by another's z.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar
from scipy.special import logsumexp

from latlas.core import Estimate, Example, num_examples
from latlas.distributions import has_closed_form, kl_divergence
from latlas.evaluation._aggregate import aggregate_kl
from latlas.evaluation._constant import constant_log_likelihood
from latlas.evaluation._curves import Curves
from latlas.evaluation._elbo import kl_per_dimension
from latlas.evaluation._layers import is_point, layers, log_density, moment, vector
from latlas.evaluation._map_rows import Progress, map_rows
from latlas.evaluation._residuals import outside_support, residuals
from latlas.evaluation._sampled_terms import Prepare, Sampling, map_examples, prepared
from latlas.stats import pareto_k

# of how many other examples' draws each example is tried with
_NUM_OTHERS = 4
# with fewer examples nothing is said about how the latent tells them apart
_FEWEST_EXAMPLES = 20


@dataclass(frozen=True)
class Layer:
    """One named part of the latent, with one number per dimension.

    Attributes:
        name: of the link of a chain or the factor of a product; "z" for a latent that is neither.
        unit_variance: Var_x(E_q[z]) over the prior's variance.
        scale: median over examples of the posterior's standard deviation over the prior's; zero for a point, nan
            where it is unknown.
        rate: mean of log q - log p of this layer given those it depends on, in nats; nan where q and p factorise
            in different orders.
    """

    name: str
    unit_variance: Float[np.ndarray, " latent"]
    scale: Float[np.ndarray, " latent"]
    rate: float


@dataclass(frozen=True)
class Measurements:
    """A model on held-out examples, measured; in nats per example. What could not be measured is nan or `None`.

    Attributes:
        num_samples: draws per example.
        log_likelihood: E_q[log p(x | z)] of each example.
        rate: KL(q || p) of each example, exact where it has a closed form; nan without a prior.
        kl_per_dimension: its mean per dimension, where q and p factorise.
        layers: the named parts of the latent.
        information: estimated mutual information of an example and its z under q, at most `log(examples)`.
        own: log p(x | z) of each example with one z of its own.
        others: log p(x | z) of each example with z of other examples.
        outside_prior: share of the draws of q where the prior's density is zero.
        outside_likelihood: share of the examples with log p(x | z) minus infinity or not a number.
        point_prior: whether the prior or a layer of it is a point (Dirac).
        point_posterior: whether the posterior or a layer of it is.
        outside_data: share of the observed entries outside the support of their head.
        residual_ratio: name of an array of x -> (mean absolute residual of the data over that of the likelihood's own
            draws) squared: a ratio of variances.
        pareto_k: of each example's importance weights; `None` without a prior.
        aggregate_kl: KL(aggregate posterior || prior) from below, where there is one prior for all.
        train_elbo: the ELBO of each training example.
        constant_log_likelihood: of the training examples under the best prediction without z, mean.
        curves: the history of the training.
    """

    num_samples: int
    log_likelihood: Float[np.ndarray, " examples"]
    rate: Float[np.ndarray, " examples"]
    kl_per_dimension: Float[np.ndarray, " latent"] | None
    layers: Sequence[Layer]
    information: float
    own: Float[np.ndarray, " examples"]
    others: Float[np.ndarray, "examples others"]
    outside_prior: float
    outside_likelihood: float
    point_prior: bool
    point_posterior: bool
    outside_data: float
    residual_ratio: Mapping[str, float]
    pareto_k: Float[np.ndarray, " examples"] | None
    aggregate_kl: Estimate | None
    train_elbo: Float[np.ndarray, " examples"] | None
    constant_log_likelihood: float
    curves: Curves | None

    @property
    def elbo(self) -> Float[np.ndarray, " examples"]:
        """E_q[log p(x | z)] - KL(q || p) of each example."""
        return self.log_likelihood - self.rate

    @property
    def active(self) -> int:
        """Number of dimensions that the data move, over all layers."""
        return sum(int(np.sum(layer.unit_variance > ACTIVE_SHARE)) for layer in self.layers)

    @property
    def latent_dim(self) -> int:
        """Number of dimensions of all layers."""
        return sum(layer.unit_variance.size for layer in self.layers)


# Burda et al. 2016 (arXiv:1509.00519, section 5.2), here as a share of the prior's variance, so that a prior of another
# scale changes nothing
ACTIVE_SHARE = 0.01


def measure(
    key: PRNGKeyArray,
    model: Any,
    batch: Example,
    *,
    sampling: Sampling,
    train: Example | None = None,
    history: Sequence[Mapping[str, Any]] | None = None,
    prepare: Prepare | None = None,
    progress: Progress | None = None,
) -> Measurements:
    """Measures a model on a batch, once.

    Args:
        key: draws the latents; example i sees `fold_in(key, i)`.
        model: any latent-variable model; the prior may be missing.
        batch: examples with a leading axis.
        sampling: draws per example.
        train: training examples, or `None`.
        history: of the training, or `None`.
        prepare: as in `evaluate`.
        progress: as in `evaluate`.
    """
    with_prior = callable(getattr(model, "prior", None))
    of_draws = _OfDraws(sampling, _spread(batch), with_prior)
    found = map_examples(of_draws, key, model, batch, sampling, prepare, progress)
    rows = (np.arange(num_examples(batch), dtype=np.int32), batch)
    between = map_rows(_Between(found["z"], prepare), (key, model), rows)
    found, log_q, others = (_float64(part) for part in (found, between["log_q"], between["others"]))
    enough = num_examples(batch) >= _FEWEST_EXAMPLES
    one_prior = with_prior and batch.condition is None and enough
    per_dimension = found["kl_per_dimension"]
    train_elbo, constant = None, math.nan
    if train is not None:
        on_train = map_examples(of_draws, key, model, train, sampling, prepare, None)
        train_elbo = _float64(on_train["log_likelihood"] - on_train["rate"])
        constant = constant_log_likelihood(key, model, on_train["z"], train, prepare)
    return Measurements(
        num_samples=sampling.num_samples,
        log_likelihood=found["log_likelihood"],
        rate=found["rate"],
        kl_per_dimension=None if per_dimension is None else np.mean(per_dimension, axis=0),
        layers=tuple(_layer(name, stats) for name, stats in found["layers"].items()),
        information=_information(log_q) if enough else math.nan,
        own=found["own"],
        others=others if enough else np.full_like(others, np.nan),
        outside_prior=float(np.mean(found["outside_prior"])),
        outside_likelihood=float(np.mean(~np.isfinite(found["log_likelihood"]))),
        point_prior=bool(found["point_prior"].any()),
        point_posterior=bool(found["point_posterior"].any()),
        outside_data=float(np.mean(found["outside_data"])),
        residual_ratio=_ratios(found["residuals"]),
        pareto_k=found["pareto_k"] if with_prior else None,
        aggregate_kl=aggregate_kl(_codes(found), found["log_prior"], log_q) if one_prior else None,
        train_elbo=train_elbo,
        constant_log_likelihood=constant,
        curves=Curves.of(history),
    )


def _float64(tree: PyTree[np.ndarray]) -> PyTree[np.ndarray]:
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)


def _spread(batch: Example) -> PyTree[Float[np.ndarray, "..."]]:
    """Standard deviation of each entry of x over the examples; zero where it is constant or not observed."""

    def of(x: Array, observed: Array) -> np.ndarray:
        x = np.where(observed, np.asarray(x, np.float64), 0.0)
        count = np.maximum(np.sum(observed, axis=0), 1)
        mean = np.sum(x, axis=0) / count
        square = np.sum(np.where(observed, (x - mean) ** 2, 0.0), axis=0) / count
        return np.sqrt(square).astype(np.float32)

    observed = batch.observed
    if observed is None:
        observed = jax.tree.map(lambda x: np.ones(np.shape(x), bool), batch.x)
    return jax.tree.map(lambda x, o: of(x, np.asarray(o)), batch.x, observed)


def _codes(found: dict[str, Any]) -> Float[np.ndarray, "examples latent"]:
    return np.concatenate([layer["value"] for layer in found["layers"].values()], axis=1)


def _ratios(residuals: dict[str, Float[np.ndarray, "examples two"]]) -> dict[str, float]:
    sums = {name: values.sum(axis=0) for name, values in residuals.items()}
    return {n: float((data / own) ** 2) for n, (data, own) in sums.items() if own > 0 and np.isfinite(data)}


class _OfDraws(eqx.Module):
    """What the draws of one example's posterior say."""

    sampling: Sampling
    spread: PyTree[Float[np.ndarray, "..."]]
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

        first = one_draw(jnp.int32(0))["z"]
        likelihood = model.likelihood(first, example.condition)
        draws = self._all(one_draw)
        log_q, log_p = (sum(layer["log_density"] for layer in draws[side].values()) for side in "qp")
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
            "outside_data": outside_support(likelihood, example.x, example.observed, self.spread),
            "residuals": residuals(
                jr.fold_in(key, self.sampling.num_samples),
                likelihood,
                example.x,
                example.observed,
                self.spread,
            ),
            "kl_per_dimension": kl_per_dimension(q, p) if p is not None else None,
            "outside_prior": jnp.mean(jnp.isneginf(log_p)) if p is not None else jnp.float32(0),
            "pareto_k": pareto_k(draws["log_likelihood"] + log_p - log_q)
            if p is not None
            else jnp.float32(jnp.nan),
            "point_posterior": jnp.asarray(points[0]),
            "point_prior": jnp.asarray(points[1]),
            "layers": _halves(draws["q"], draws["p"]),
        }

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


class _Between(eqx.Module):
    """One example against the draws of the others."""

    draws: PyTree[Float[Array, "examples ..."]]
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


def _layer(name: str, stats: dict[str, np.ndarray]) -> Layer:
    centred = stats["halves"] - stats["halves"].mean(axis=0)
    # the halves' noise is independent, and leaves their covariance alone
    between = (centred[:, 0] * centred[:, 1]).mean(axis=0)
    spread = np.mean(stats["prior_variance"], axis=0)
    spread = np.where(np.isfinite(spread) & (spread > 0), spread, np.var(stats["value"], axis=0))
    spread = np.where(spread > 0, spread, 1.0)
    scale = np.sqrt(np.median(stats["variance"], axis=0) / spread)
    return Layer(name, between / spread, scale, float(np.mean(stats["rate"])))


def _information(log_q: Float[np.ndarray, "examples draws"]) -> float:
    """Mean of log q(z_i | x_i) - log of the mean of q(z_i | x_j) over j (Hoffman and Johnson 2016)."""
    own = np.diagonal(log_q)
    if not np.isfinite(own).all() or np.isnan(log_q).any():
        return math.nan
    return float(np.mean(own - logsumexp(log_q, axis=0)) + math.log(len(log_q)))
