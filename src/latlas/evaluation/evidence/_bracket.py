"""log p(x) from both sides: annealing to the posterior and back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Scalar

from latlas.core import (
    Estimate,
    Evidence,
    Example,
    Progress,
    finite_or_none,
    in_precision_of_model,
    num_examples,
    number_or_nan,
    object_of,
)
from latlas.evaluation.evidence._annealing import AnnealedChains, Annealing, annealed_evidence
from latlas.evaluation.evidence._elbo import mean_estimate
from latlas.evaluation.evidence._exact import exact_log_evidence, exact_model
from latlas.evaluation.evidence._importance import EvidencePerExample
from latlas.evaluation.evidence._path import posterior_path
from latlas.evaluation.evidence._sampled_terms import Prepare, map_examples
from latlas.models import AbstractLatentModel
from latlas.stats import WeightStatistics, weight_statistics


@dataclass(frozen=True)
class Bracket:
    """Log p(x) between a lower and an upper estimate, per example.

    Attributes:
        lower: annealing to the posterior; in expectation a lower bound.
        upper: annealing back from it; in expectation an upper bound only if `upper_is_bound`.
        upper_is_bound: whether the way back began at exact posterior samples. Else it began where long chains had
            come to, which may have missed a mode: an estimate, whose trust is the width on simulated data.
        exact: log p(x) itself, where the model knows it; else `None`.
        simulated_width: mean width of the bracket on data drawn from the model, which bounds the errors of both sides
            there; `None` if it was not measured.
    """

    lower: EvidencePerExample
    upper: EvidencePerExample
    upper_is_bound: bool
    exact: Float[np.ndarray, " examples"] | None = None
    simulated_width: Estimate | None = None

    @property
    def width(self) -> Estimate:
        """Mean of upper - lower, and its standard error; it may fall below zero by chance."""
        return mean_estimate(np.asarray(self.upper.log_evidence) - np.asarray(self.lower.log_evidence))

    def summary(self) -> "BracketSummary":
        """Means over the examples."""
        return BracketSummary(
            self.lower.summary(),
            self.upper.summary(),
            self.width,
            self.upper_is_bound,
            self.simulated_width,
            None if self.exact is None else float(np.mean(self.exact, dtype=np.float64)),
        )

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain values, ready for JSON; what is not finite or not known is `None`."""
        return self.summary().to_dict()


@dataclass(frozen=True)
class SameExamples:
    """Other estimates on the examples of a bracket, which can be held against it.

    Attributes:
        elbo: from below.
        importance: importance-weighted log p(x).
        num_examples: how many examples these are.
    """

    elbo: Estimate
    importance: Evidence
    num_examples: int


@dataclass(frozen=True)
class BracketSummary:
    """Between which figures the mean log p(x) lies, in nats per example.

    Attributes:
        lower: the lower side.
        upper: the upper side.
        width: mean of upper - lower.
        upper_is_bound: whether the upper side is a bound: on real data only where the model knows its posterior.
        simulated_width: of the bracket on data drawn from the model, where both sides are bounds; `None` if it was not
            measured.
        exact: log p(x) itself, where the model knows it; else `None`.
        same_examples: other estimates on the same examples; `None` if there are none.
    """

    lower: Evidence
    upper: Evidence
    width: Estimate
    upper_is_bound: bool
    simulated_width: Estimate | None = None
    exact: float | None = None
    same_examples: SameExamples | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON, in one object; what is not finite or not known is `None`."""
        beside = self.same_examples
        same = (
            {}
            if beside is None
            else {"elbo": beside.elbo.to_dict(), "importance": beside.importance.to_dict()}
        )
        same |= {} if beside is None else {"num_examples": beside.num_examples}
        return {
            "lower": self.lower.to_dict(),
            "upper": self.upper.to_dict(),
            "width": self.width.to_dict(),
            "upper_is_bound": self.upper_is_bound,
            "simulated_width": None if self.simulated_width is None else self.simulated_width.to_dict(),
            "exact": None if self.exact is None else finite_or_none(self.exact),
        } | same

    @classmethod
    def from_dict(cls, values: Any) -> "BracketSummary":
        """The inverse of `to_dict`; a number that is `None` becomes nan.

        Raises:
            ValueError: if a part has another form.
        """
        values = object_of(values)
        simulated, exact, same = values.get("simulated_width"), values.get("exact"), None
        if values.get("elbo") is not None:  # files of before these were kept have none
            same = SameExamples(
                Estimate.from_dict(values["elbo"]),
                Evidence.from_dict(values.get("importance")),
                int(number_or_nan(values.get("num_examples") or 0)),
            )
        return cls(
            Evidence.from_dict(values.get("lower")),
            Evidence.from_dict(values.get("upper")),
            Estimate.from_dict(values.get("width")),
            values.get("upper_is_bound") is True,
            None if simulated is None else Estimate.from_dict(simulated),
            None if exact is None else number_or_nan(exact),
            same,
        )


def chi_bracket(evidence: EvidencePerExample) -> Bracket:
    r"""A bracket from one set of importance weights: their mean from below, their chi estimate from above.

    The upper side is $\frac12 \log \overline{w^2} = \log \bar w + \frac12 \log(S / ESS)$, the Renyi estimate of order -1
    (see `renyi_bound`): an upper bound for infinitely many draws, an estimate that is too low for few. It costs nothing, and
    the two sides are as far apart as the weights are uneven; where that is far, anneal.

    Args:
        evidence: what `importance_log_evidence`, `evaluate` or `annealed_log_evidence` found.

    References:
        Dieng, Tran, Ranganath, Paisley and Blei 2017, arXiv:1611.00328, eq. 2.
    """
    size = np.maximum(evidence.effective_sample_size, 1.0)
    upper = EvidencePerExample(
        evidence.log_evidence + 0.5 * np.log(evidence.num_samples / size),
        evidence.standard_error,  # that of the mean weight, to first order in the spread of the weights
        evidence.effective_sample_size,
        2.0 * evidence.pareto_k,
        evidence.num_samples,
        None if evidence.pooled_pareto_k is None else 2.0 * evidence.pooled_pareto_k,
    )
    return Bracket(evidence, upper, upper_is_bound=False)


@in_precision_of_model
def simulated_bracket(
    key: PRNGKeyArray,
    model: AbstractLatentModel,
    *,
    num_examples: int = 100,
    condition: PyTree[Array | np.ndarray] | None = None,
    annealing: Annealing | None = None,
    proposal: Callable[[Example], Any] | None = None,
    progress: Progress | None = None,
) -> Bracket:
    r"""Bidirectional Monte Carlo: a bracket with two bounds, on data that the model draws itself.

    With z ~ p(z) and x ~ p(x | z), z is an exact sample of p(z | x). Annealing to the posterior gives a lower
    bound on log p(x) in expectation, annealing back from z an upper one: the width is at least the error of
    either, and says how far annealing of this length can be trusted for this model.

    All chains of an example begin the way back at its one z, so that the standard error of `upper` is known from the
    spread over examples only, not from the chains.

    Args:
        key: draws data and chains.
        model: any latent-variable model.
        num_examples: how many examples are drawn.
        condition: for a conditional model, one condition per example along the leading axis.
        annealing: chains, temperatures, transition; `Annealing()` by default.
        proposal: example -> where the walk begins; the prior by default.
        progress: called with the examples done and the examples in all.

    Raises:
        ValueError: if there are not as many conditions as examples.

    References:
        Grosse, Ghahramani and Adams 2015, arXiv:1511.02543; Wu, Burda, Salakhutdinov and Grosse 2017,
        arXiv:1611.04273.
    """
    sizes = {len(leaf) for leaf in jax.tree.leaves(condition)}
    if num_examples < 1 or sizes - {num_examples}:
        raise ValueError(
            f"num_examples must be at least 1 and have as many conditions; got {num_examples}, and conditions "
            f"of {sorted(sizes)}. Give every example its condition, along the leading axis."
        )
    # of an example only its condition is looked at; what x is comes from the model
    batch = Example(np.zeros(num_examples, np.float32), condition=condition)
    annealing = annealing or Annealing()
    measure = _MeasureSimulated(annealing, proposal)
    return _bracket(map_examples(measure, key, model, batch, annealing.sampling, None, progress), True)


@in_precision_of_model
def bracket(
    key: PRNGKeyArray,
    model: AbstractLatentModel,
    batch: Example,
    *,
    annealing: Annealing | None = None,
    proposal: Callable[[Example], Any] | None = None,
    num_simulated: int = 32,
    prepare: Prepare | None = None,
    progress: Progress | None = None,
) -> Bracket:
    r"""Log p(x) of real data from both sides.

    The lower side is `annealed_log_evidence`. For the upper side its end points are resampled by their weights, walk
    on at the posterior for as many transitions again, and are annealed back. They are no exact samples of the
    posterior, so the upper side is an estimate and no bound; how far it is to be trusted says the width on data
    drawn from the model (with the conditions and the holes of these), which is measured beside it.

    Where the model knows its posterior and log p(x) exactly (`AbstractExactModel`), the way back begins there, the
    upper side is a bound, and `exact` holds the truth.

    Args:
        key: draws all; example i sees `fold_in(key, i)`.
        model: any latent-variable model.
        batch: examples with a leading axis, on the host or on a device.
        annealing: chains, temperatures, transition; `Annealing()` by default.
        proposal: example -> where the walk begins; the prior by default, `model.posterior` for q.
        num_simulated: examples drawn from the model for the width there; 0 for none.
        prepare: `(key, batch) -> batch` as in training, applied to each example by itself.
        progress: called with the examples done and the examples in all, simulated ones counted.

    Raises:
        ValueError: if there are no examples, or HMC meets a discrete latent.

    References:
        Wu, Burda, Salakhutdinov and Grosse 2017, arXiv:1611.04273, section 3.
    """
    total = num_examples(batch)
    real_key, simulated_key = jr.split(key)
    annealing = annealing or Annealing()
    measure = _MeasureBracket(annealing, proposal)
    step = _offset(progress, 0, total + num_simulated)
    found = map_examples(measure, real_key, model, batch, annealing.sampling, prepare, step)
    width = None
    if num_simulated > 0:
        rows = jax.tree.map(lambda leaf: np.asarray(leaf)[np.arange(num_simulated) % total], batch)
        measure = _MeasureSimulated(annealing, proposal)
        step = _offset(progress, total, total + num_simulated)
        simulated = map_examples(measure, simulated_key, model, rows, annealing.sampling, prepare, step)
        width = _bracket(simulated, True).width
    return _bracket(found, exact_model(model) is not None, width)


class _Sides(NamedTuple):
    """Of one example."""

    lower: WeightStatistics
    upper: WeightStatistics
    log_weights: Float[Array, " chains"]
    minus_reverse: Float[Array, " chains"]
    exact: Scalar | None


class _MeasureSimulated(eqx.Module):
    annealing: Annealing
    proposal: Callable[[Example], Any] | None

    def __call__(self, key, model, example):
        z_key, x_key, forward_key, reverse_key = jr.split(key, 4)
        z = model.prior(example.condition).sample(z_key)
        x = model.likelihood(z, example.condition).sample(x_key)
        example = eqx.tree_at(lambda e: e.x, example, x)
        path = _path(self.proposal, model, example)
        forward = self.annealing.forward(forward_key, path)
        starts = jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (self.annealing.num_chains, *leaf.shape)), z
        )
        return _sides(
            model, example, forward, self.annealing.reverse(reverse_key, path, starts, forward.tuning)
        )


class _MeasureBracket(eqx.Module):
    annealing: Annealing
    proposal: Callable[[Example], Any] | None

    def __call__(self, key, model, example):
        start_key, walk_key, forward_key, reverse_key = jr.split(key, 4)
        path = _path(self.proposal, model, example)
        forward = self.annealing.forward(forward_key, path)
        exact = exact_model(model)
        if exact is None:
            chosen = jr.categorical(start_key, forward.log_weights, shape=forward.log_weights.shape)
            starts = jax.tree.map(lambda leaf: leaf[chosen], forward.z)
            starts = self.annealing.stay(walk_key, path, starts, forward.tuning)
        else:
            starts = jax.vmap(exact.posterior(example).sample)(jr.split(start_key, self.annealing.num_chains))
        return _sides(
            model, example, forward, self.annealing.reverse(reverse_key, path, starts, forward.tuning)
        )


def _path(proposal, model, example):
    return posterior_path(model, example, None if proposal is None else proposal(example))


def _sides(model, example, forward: AnnealedChains, reverse: AnnealedChains) -> _Sides:
    log_evidence = exact_log_evidence(model)
    return _Sides(
        weight_statistics(forward.log_weights),
        weight_statistics(-reverse.log_weights),  # the mean of 1/w estimates 1/p(x)
        forward.log_weights,
        -reverse.log_weights,
        None if log_evidence is None else log_evidence(example),
    )


def _bracket(found: _Sides, upper_is_bound: bool, width: Estimate | None = None) -> Bracket:
    upper = found.upper._replace(log_evidence=-found.upper.log_evidence)
    return Bracket(
        annealed_evidence(found.lower, np.asarray(found.log_weights)),
        annealed_evidence(upper, np.asarray(found.minus_reverse)),
        upper_is_bound,
        None if found.exact is None else np.asarray(found.exact),
        width,
    )


def _offset(progress: Progress | None, done_before: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(done_before + done, total)
