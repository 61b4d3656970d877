"""Both faces of KL: the reverse and the forward fit of one target, side by side."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.engines._dadvi import DeterministicAdvi
from latlas.bayes.engines._engine import AbstractEngine, EngineResult
from latlas.bayes.engines._importance_fit import fit_by_importance
from latlas.bayes.engines._inclusive import Inclusive
from latlas.bayes.engines._names import family_named
from latlas.bayes.targets._target import AbstractTarget
from latlas.core import Estimate, check_key, in_float64
from latlas.distributions.families import AbstractFamily, FullRank

_NUM_DRAWS = 8192
_REVERSE, _FORWARD = DeterministicAdvi(), Inclusive()


@dataclass(frozen=True)
class Faces:
    """Two fits of one family to one target, and how far each is from it in either direction.

    Attributes:
        density: the target, in the coordinates in which it was fitted.
        reverse: minimises `KL(q || p)`: no mass where the target has none, so it takes one mode of several.
        forward: minimises `KL(p || q)`: mass wherever the target has some, so it covers all of them.
        mean: the target's own, by importance sampling.
        covariance: the target's own.
        kl_from_q: `KL(q || p)` of the reverse and of the forward fit, in nats.
        kl_to_q: `KL(p || q)` of the reverse and of the forward fit, in nats.
    """

    density: Density
    reverse: EngineResult
    forward: EngineResult
    mean: Float[np.ndarray, " n"]
    covariance: Float[np.ndarray, "n n"]
    kl_from_q: tuple[Estimate, Estimate]
    kl_to_q: tuple[Estimate, Estimate]

    def __str__(self) -> str:
        """The four divergences as a table."""
        rows = [f"{'fit':<9}{'KL(q || p)':>14}{'KL(p || q)':>14}"]
        for name, from_q, to_q in zip(("reverse", "forward"), self.kl_from_q, self.kl_to_q, strict=True):
            rows.append(f"{name:<9}{from_q.value:>14.3f}{to_q.value:>14.3f}")
        return "\n".join(rows)


@in_float64
def both_faces(
    key: PRNGKeyArray,
    target: AbstractTarget | Density,
    *,
    family: str | AbstractFamily = "full-rank",
    tolerance: float = 0.01,
    reverse: AbstractEngine = _REVERSE,
    forward: AbstractEngine = _FORWARD,
) -> Faces:
    """Fits `family` to the target once by the reverse and once by the forward KL.

    Args:
        key: for all that is drawn.
        target: on coordinates in which the standard normal is a fair first guess; a `Density` may be whitened.
        family: a name or an object.
        tolerance: wanted accuracy of the means, in standard deviations.
        reverse: the engine that minimises `KL(q || p)`; the default maximises the ELBO on fixed draws.
        forward: the engine that minimises `KL(p || q)`.

    Raises:
        RequestError: where an engine cannot fit the family.
        WorkError: where the target's density is finite nowhere near the origin.
    """
    check_key(key)
    density = target if isinstance(target, Density) else Density(target)
    family = family_named(family)
    reverse_key, forward_key, truth_key, kl_key = jax.random.split(key, 4)
    fits = (
        reverse(reverse_key, density, family, tolerance=tolerance),
        forward(forward_key, density, family, tolerance=tolerance),
    )
    truth = fit_by_importance(truth_key, density, FullRank(), alpha=0.0, tolerance=tolerance).last
    draws, log_evidence = truth.draws, truth.log_evidence.value
    weights = np.exp(draws.log_weights)
    log_p = draws.log_ratio + draws.log_proposal - log_evidence
    from_q, to_q = [], []
    for fit in fits:
        q = fit.approximation
        points = np.asarray(q.sample(kl_key, _NUM_DRAWS))
        gain = np.asarray(_log_probs(q, jnp.asarray(points))) - density.value(points) + log_evidence
        from_q.append(_with_error(gain.mean(), gain.std() / _NUM_DRAWS**0.5, truth))
        loss = np.where(weights > 0, log_p - np.asarray(_log_probs(q, jnp.asarray(draws.points))), 0.0)
        mean = float(weights @ loss)
        to_q.append(_with_error(mean, np.sqrt(np.sum((weights * (loss - mean)) ** 2)), truth))
    return Faces(density, *fits, truth.mean, truth.covariance, tuple(from_q), tuple(to_q))


def _with_error(value, error, truth):
    """Both divergences contain the log evidence, and its error."""
    return Estimate(float(value), float(np.hypot(error, truth.log_evidence.standard_error)))


_log_probs = eqx.filter_jit(lambda q, points: jax.vmap(q.log_prob)(points))
