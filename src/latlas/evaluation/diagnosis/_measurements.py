"""What a diagnosis is made from: everything measured once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray, PyTree

from latlas.core import Estimate, Example, Progress, map_rows, num_examples
from latlas.evaluation.diagnosis._constant import constant_log_likelihood
from latlas.evaluation.diagnosis._history import Curves
from latlas.evaluation.diagnosis._levels import FewLevels, few_levels
from latlas.evaluation.diagnosis._passes import Between, OfDraws
from latlas.evaluation.diagnosis._residuals import spread_of_entries
from latlas.evaluation.evidence._sampled_terms import Prepare, Sampling, map_examples
from latlas.evaluation.inference._gap import gap
from latlas.evaluation.rate._aggregate import aggregate_kl
from latlas.evaluation.rate._information import information_per_example

# What costs something, and is measured for the checks that need it.
WEIGHTS, OTHERS, RESIDUALS, TRAIN, REFINEMENT = "weights", "others", "residuals", "train", "refinement"

# how many examples are refined, and with how many draws both their ELBOs are taken
_NUM_REFINED, _NUM_REFINED_DRAWS = 40, 500

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


# Burda et al. 2016 (arXiv:1509.00519, section 5.2), here as a share of the prior's variance, so that a prior of another
# scale changes nothing
ACTIVE_SHARE = 0.01


@dataclass(frozen=True)
class OfBound:
    """The ELBO of each example, and how far it may lie below log p(x).

    Attributes:
        num_samples: draws per example.
        log_likelihood: E_q[log p(x | z)] of each example.
        rate: KL(q || p) of each example, exact where it has a closed form; nan without a prior.
        kl_per_dimension: its mean per dimension, where q and p factorise.
        pareto_k: of each example's importance weights; `None` without a prior.
        amortization: what refining gains in ELBO, of a few examples.
    """

    num_samples: int
    log_likelihood: Float[np.ndarray, " examples"]
    rate: Float[np.ndarray, " examples"]
    kl_per_dimension: Float[np.ndarray, " latent"] | None
    pareto_k: Float[np.ndarray, " examples"] | None
    amortization: Float[np.ndarray, " few"] | None

    @property
    def elbo(self) -> Float[np.ndarray, " examples"]:
        """E_q[log p(x | z)] - KL(q || p) of each example."""
        return self.log_likelihood - self.rate


@dataclass(frozen=True)
class OfLatent:
    """What the latent holds.

    Attributes:
        layers: its named parts.
        information: estimated mutual information of an example and its z under q, at most `log(examples)`.
        aggregate_kl: KL(aggregate posterior || prior) from below, where there is one prior for all.
    """

    layers: Sequence[Layer]
    information: float
    aggregate_kl: Estimate | None

    @property
    def active(self) -> int:
        """Number of dimensions that the data move, over all layers."""
        return sum(int(np.sum(layer.unit_variance > ACTIVE_SHARE)) for layer in self.layers)

    @property
    def latent_dim(self) -> int:
        """Number of dimensions of all layers."""
        return sum(layer.unit_variance.size for layer in self.layers)


@dataclass(frozen=True)
class OfDecoder:
    """What the decoder makes of a latent.

    Attributes:
        own: log p(x | z) of each example with one z of its own.
        others: log p(x | z) of each example with z of other examples.
        residual_ratio: name of an array of x -> how far the data scatter around their reconstruction, over how far the
            likelihood's own draws do: (mean absolute residual over mean absolute residual) squared, and of counts the
            ratio of the sums of (x - mean)^2 / mean. It is 1 where the likelihood is right.
        few_levels: name of an array of x under a density -> its entries that hold few distinct values.
    """

    own: Float[np.ndarray, " examples"]
    others: Float[np.ndarray, "examples others"]
    residual_ratio: Mapping[str, float]
    few_levels: Mapping[str, FewLevels]


@dataclass(frozen=True)
class OfSupport:
    """Where one distribution has no density and another has mass.

    Attributes:
        outside_prior: share of the draws of q where the prior's density is zero.
        outside_likelihood: share of the examples with log p(x | z) minus infinity or not a number.
        outside_data: share of the observed entries outside the support of their head.
        point_prior: whether the prior or a layer of it is a point (Dirac).
        point_posterior: whether the posterior or a layer of it is.
    """

    outside_prior: float
    outside_likelihood: float
    outside_data: float
    point_prior: bool
    point_posterior: bool


@dataclass(frozen=True)
class OfTraining:
    """What the training data and the run say.

    Attributes:
        elbo: of each training example; `None` without them.
        constant_log_likelihood: of the training examples under the best prediction without z, mean.
        curves: the history of the training.
    """

    elbo: Float[np.ndarray, " examples"] | None
    constant_log_likelihood: float
    curves: Curves | None


@dataclass(frozen=True)
class Measurements:
    """A model on held-out examples, measured; in nats per example. What could not be measured is nan or `None`.

    Attributes:
        bound: the ELBO of each example, and how far it may lie below log p(x).
        latent: what the latent holds.
        decoder: what the decoder makes of it.
        support: where densities are zero.
        training: what the training data and the run say.
    """

    bound: OfBound
    latent: OfLatent
    decoder: OfDecoder
    support: OfSupport
    training: OfTraining


def measure(
    key: PRNGKeyArray,
    model: Any,
    batch: Example,
    *,
    sampling: Sampling,
    needs: frozenset[str],
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
        needs: what to measure of `WEIGHTS`, `OTHERS`, `RESIDUALS`, `TRAIN`, `REFINEMENT`.
        train: training examples, or `None`.
        history: of the training, or `None`.
        prepare: as in `evaluate`.
        progress: as in `evaluate`.
    """
    with_prior = callable(getattr(model, "prior", None))
    total = num_examples(batch)
    of_draws = OfDraws(sampling, spread_of_entries(batch) if RESIDUALS in needs else None, with_prior)
    found = map_examples(of_draws, key, model, batch, sampling, prepare, progress)
    log_q, others = np.full((total, total), np.nan), np.full((total, 1), np.nan)
    if OTHERS in needs and total >= _FEWEST_EXAMPLES:
        rows = (np.arange(total, dtype=np.int32), batch)
        between = map_rows(Between(found["z"], prepare), (key, model), rows)
        log_q, others = _float64((between["log_q"], between["others"]))
    amortization = None
    if REFINEMENT in needs and with_prior and _refinable(found):
        amortization = _amortization(key, model, batch, prepare)
    train_elbo, constant = None, math.nan
    if TRAIN in needs and train is not None:
        on_train = map_examples(of_draws, key, model, train, sampling, prepare, None)
        train_elbo = _float64(on_train["log_likelihood"] - on_train["rate"])
        constant = constant_log_likelihood(key, model, on_train["z"], train, prepare)
    found = _float64(found)
    per_dimension = found["kl_per_dimension"]
    one_prior = with_prior and batch.condition is None
    return Measurements(
        OfBound(
            sampling.num_samples,
            found["log_likelihood"],
            found["rate"],
            None if per_dimension is None else np.mean(per_dimension, axis=0),
            found["pareto_k"] if with_prior and WEIGHTS in needs else None,
            amortization,
        ),
        OfLatent(
            tuple(_layer(name, stats) for name, stats in found["layers"].items()),
            float(np.mean(information_per_example(log_q))),
            aggregate_kl(_codes(found), found["log_prior"], log_q) if one_prior else None,
        ),
        OfDecoder(
            found["own"],
            others,
            _ratios(found["residuals"], power=2) | _ratios(found["dispersions"], power=1),
            few_levels(batch, {name: bool(flags.any()) for name, flags in found["densities"].items()}),
        ),
        OfSupport(
            outside_prior=float(np.mean(found["outside_prior"])),
            outside_likelihood=float(np.mean(~np.isfinite(found["log_likelihood"]))),
            outside_data=float(np.mean(found["outside_data"])),
            point_prior=bool(found["point_prior"].any()),
            point_posterior=bool(found["point_posterior"].any()),
        ),
        OfTraining(train_elbo, constant, Curves.of(history)),
    )


def _float64(tree: PyTree[np.ndarray]) -> PyTree[np.ndarray]:
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)


def _refinable(found: dict[str, Any]) -> bool:
    """Whether the latent is one vector of real numbers under a posterior with moments, and the ELBO is finite."""
    real = all(np.issubdtype(leaf.dtype, np.floating) for leaf in jax.tree.leaves(found["z"]))
    moments = all(np.all(layer["variance"] > 0) for layer in found["layers"].values())
    finite = np.isfinite(found["log_likelihood"]).all() and np.isfinite(found["rate"]).all()
    return bool(real and moments and finite and len(found["layers"]) == 1)


def _amortization(
    key: PRNGKeyArray, model: Any, batch: Example, prepare: Prepare | None
) -> Float[np.ndarray, " few"]:
    few = jax.tree.map(lambda leaf: leaf[:_NUM_REFINED], batch)
    # log p(x) is of no interest here: any numbers in its place spare its estimation
    unknown = np.zeros(num_examples(few))
    found = gap(key, model, few, log_evidence=unknown, num_elbo_samples=_NUM_REFINED_DRAWS, prepare=prepare)
    return found.amortization


def _codes(found: dict[str, Any]) -> Float[np.ndarray, "examples latent"]:
    return np.concatenate([layer["value"] for layer in found["layers"].values()], axis=1)


def _ratios(residuals: dict[str, Float[np.ndarray, "examples two"]], *, power: int) -> dict[str, float]:
    sums = {name: values.sum(axis=0) for name, values in residuals.items()}
    return {
        n: float((data / own) ** power) for n, (data, own) in sums.items() if own > 0 and np.isfinite(data)
    }


def _layer(name: str, stats: dict[str, np.ndarray]) -> Layer:
    centred = stats["halves"] - stats["halves"].mean(axis=0)
    # the halves' noise is independent, and leaves their covariance alone
    between = (centred[:, 0] * centred[:, 1]).mean(axis=0)
    spread = np.mean(stats["prior_variance"], axis=0)
    spread = np.where(np.isfinite(spread) & (spread > 0), spread, np.var(stats["value"], axis=0))
    spread = np.where(spread > 0, spread, 1.0)
    scale = np.sqrt(np.median(stats["variance"], axis=0) / spread)
    return Layer(name, between / spread, scale, float(np.mean(stats["rate"])))
