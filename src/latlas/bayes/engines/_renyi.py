"""Renyi divergences of any order: between mass covering and mode seeking, and beyond both."""

from dataclasses import dataclass
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.densities._lbfgs import minimise
from latlas.bayes.engines._engine import AbstractEngine, EngineResult
from latlas.bayes.engines._importance_fit import fit_by_importance
from latlas.bayes.engines._maximum_likelihood import to_vector, with_vector
from latlas.core import RequestError, WorkError, host_rng
from latlas.distributions.families import AbstractFamily, AbstractTransport
from latlas.stats import even_normal_draws, log_mean_exp_standard_error, renyi_log_mean, standard_error

# below this order draws of q say too little of what q misses, and draws of a proposal take their place
_BY_IMPORTANCE_BELOW = 0.5
_FEWEST_DRAWS, _MOST_DRAWS = 128, 8192
_CHECK_DRAWS = 4096
_PER_PARAMETER = 8  # draws
_OPTIMISM = 0.05  # nats by which the bound may be higher on the draws it was fitted to
_MAX_TURNS = 400
_GAP = 10.0  # nats below the worst finite log weight, of a draw at which the density is not finite


class Renyi(AbstractEngine):
    r"""Minimises the Renyi divergence of order alpha from q to the posterior, through the bound that it leaves.

    $L_\alpha = \frac{1}{1-\alpha} \log E_q[(\tilde p / q)^{1-\alpha}] = \log Z - D_\alpha(q \| p)$.

    $L_\alpha$ falls with alpha. It is a lower bound on the log evidence for alpha > 0, which is maximised: the ELBO at
    1, tighter and more mass covering below. For alpha < 0 it is an upper bound, which is minimised (-1: the
    chi-squared divergence). At alpha = 0 it is the log evidence whatever q is; there the engine takes the limit of the
    minimisers, the forward KL.

    From alpha = 1/2 on: draws of q are a fixed set of noise transported by q, so that the bound is a deterministic
    function, maximised by L-BFGS, with more noise until the means no longer move. Below: weighted draws of an adaptive
    proposal, as in the engine "inclusive". Estimates of the bound with few draws lie too low below 1 (for alpha < 0 they
    may fall below the log evidence) and too high above.

    Attributes:
        alpha: the order, any number.

    References:
        Li and Turner 2016, arXiv:1602.02311; Dieng et al. 2017, arXiv:1611.00328 (the upper bound); Giordano, Ingram,
        Broderick 2024, arXiv:2304.05527 (fixed draws).
    """

    name: ClassVar[str] = "renyi"
    families: ClassVar[tuple[str, ...]] = (
        "full-rank",
        "mean-field",
        "low-rank",
        "block",
        "structured",
        "flow",
    )
    alpha: float = eqx.field(static=True, default=0.5)

    def __call__(
        self, key: PRNGKeyArray, density: Density, family: AbstractFamily, *, tolerance: float
    ) -> EngineResult:
        """Fits `family` to `density` from the standard normal."""
        if not np.isfinite(self.alpha):
            raise RequestError(f"alpha is {self.alpha}; give a finite order, such as 0.5.")
        fit_key, check_key = jax.random.split(key)
        if self.alpha < _BY_IMPORTANCE_BELOW:
            fit = fit_by_importance(fit_key, density, family, alpha=self.alpha, tolerance=tolerance)
            q, converged, message = fit.approximation, fit.converged, fit.message
            details = fit.details
        else:
            q, converged, message, details = self._by_transport(fit_key, density, family, tolerance)
        details |= {"alpha": self.alpha, "bound": self._bound(check_key, q, density), "bounds": self._side}
        return EngineResult(q, converged, message, details=details)

    @property
    def _side(self):
        if self.alpha == 0.0:
            return "equals the log evidence"
        return "from below" if self.alpha > 0.0 else "from above"

    def _by_transport(self, key, density, family, tolerance):
        q = family.init(key, density.dim)
        if not isinstance(q, AbstractTransport):
            raise RequestError(
                f"The order {self.alpha} needs a family whose draws are a function of noise; got {family.name}: "
                "take the engine inclusive, or another family."
            )
        rng, gaps = host_rng(key), 0
        # with fewer draws than parameters a flow fits the draws and not the density
        enough = max(_FEWEST_DRAWS, 4 * density.dim, _PER_PARAMETER * len(to_vector(q)))
        num_draws = min(_MOST_DRAWS, 1 << (enough - 1).bit_length())
        before, first = None, q
        while True:
            noise = even_normal_draws(rng, num_draws, density.dim)
            # from the optimum of the ELBO, which has no false optimum with a few draws far out
            orders = (1.0, self.alpha) if before is None and self.alpha != 1.0 else (self.alpha,)
            for order in orders:
                problem = _Problem(density, q, jnp.asarray(noise), order)
                q, ended = problem.solved(tolerance)
                gaps += problem.num_gaps
            points = np.asarray(_draws(q, jnp.asarray(noise))[0])
            mean, sd = points.mean(axis=0), points.std(axis=0)
            moved = np.inf if before is None else _distance(mean, sd, *before)
            fresh = self._bound(jax.random.fold_in(key, num_draws), q, density)
            optimism = -problem.value - fresh["value"]
            honest = optimism < _OPTIMISM + 4.0 * fresh["standard_error"]
            if (moved < tolerance and honest) or num_draws >= _MOST_DRAWS:
                break
            q, before = (q, (mean, sd)) if honest else (first, None)
            num_draws = min(_MOST_DRAWS, (2 if honest else 4) * num_draws)
        converged = moved < tolerance and honest
        text = (
            f"{'settled' if converged else 'not settled'} with {num_draws} fixed draws; the means moved by "
        )
        text += f"{moved:.2g} sd since there were fewer; L-BFGS ended by {ended}"
        if not honest:
            text += f"; the bound is {optimism:.2g} nats lower on other draws: fitted to its draws, so take fewer parameters"
        if gaps:
            text += f"; {gaps} evaluations were not finite and counted as {_GAP:g} nats below the worst"
        return q, converged, text, {"num_draws": num_draws, "num_gaps": gaps, "moved": moved}

    def _bound(self, key, q, density):
        """L_alpha and its standard error, by draws of its own; those in gaps are counted and get the mean of the others."""
        points = q.sample(key, _CHECK_DRAWS)
        log_weights = density.value(np.asarray(points)) - np.asarray(_log_probs(q, points))
        finite = np.isfinite(log_weights)
        value, error = _averaged(np.where(finite, log_weights, log_weights[finite].mean()), self.alpha)
        return {"value": float(value), "standard_error": float(error), "num_gaps": int(np.sum(~finite))}


def _distance(mean, sd, mean_before, sd_before):
    """Largest difference of means and halved of log variances, in standard deviations."""
    moved, stretched = np.abs(mean - mean_before) / sd, np.abs(np.log(sd / sd_before))
    return max(float(np.max(moved)), 0.5 * float(np.max(stretched)))


@dataclass
class _Problem:
    """The negative bound on fixed noise, as a function of a parameter vector.

    A draw at which the density is not finite counts as somewhat worse than the worst of the others and has no gradient.
    """

    density: Density
    q: AbstractTransport
    noise: Float[Array, "s n"]
    alpha: float
    num_gaps: int = 0
    value: float = np.nan

    def solved(self, tolerance):
        """The approximation at the optimum, and how L-BFGS ended."""
        # an error of d standard deviations costs d^2 / 2 nats and leaves a gradient of d; a flow creeps at first
        found = minimise(
            self,
            to_vector(self.q),
            max_iterations=_MAX_TURNS,
            change=1e-8 * tolerance**2,
            gradient=1e-3 * tolerance,
        )
        if found.rejected:
            raise WorkError(
                "The log density is finite at none of the draws where the fit begins; check it there."
            )
        self.value = found.value
        return with_vector(self.q, found.x), "its gradient" if found.settled else "its limit of turns"

    def __call__(self, vector):
        """(-L_alpha, gradient)."""
        q = with_vector(self.q, vector)
        points, log_q = (np.asarray(a) for a in _draws(q, self.noise))
        value, slope = self.density.value_and_grad(points)
        log_weights = value - log_q
        finite = np.isfinite(log_weights) & np.all(np.isfinite(slope), axis=1)
        self.num_gaps += int(np.sum(~finite))
        if not finite.any():
            return np.inf, np.zeros_like(vector)
        log_weights = np.where(finite, log_weights, np.min(log_weights[finite]) - _GAP)
        # d L_alpha = sum_s omega_s d log w_s, omega the normalised w^(1 - alpha)
        powers = (1.0 - self.alpha) * log_weights
        omega = np.exp(powers - powers.max())
        omega = np.where(finite, omega / omega.sum(), 0.0)
        slope = np.where(finite[:, None], slope, 0.0)
        grad = _pulled_back(q, self.noise, omega[:, None] * slope, -omega)
        bound = (
            log_weights.mean()
            if self.alpha == 1.0
            else (np.log(np.mean(np.exp(powers - powers.max()))) + powers.max()) / (1.0 - self.alpha)
        )
        return -float(bound), -to_vector(grad)


def _transported(q, noise):
    points = jax.vmap(q.transport)(noise)
    return points, jax.vmap(q.log_prob)(points)


@eqx.filter_jit
def _averaged(log_weights, alpha):
    if alpha == 1.0:
        return jnp.mean(log_weights), standard_error(log_weights)
    power = 1.0 - alpha
    return renyi_log_mean(log_weights, alpha), log_mean_exp_standard_error(power * log_weights) / abs(power)


_draws = eqx.filter_jit(_transported)
_log_probs = eqx.filter_jit(lambda q, points: jax.vmap(q.log_prob)(points))


@eqx.filter_jit
@eqx.filter_grad
def _pulled_back(q, noise, points_bar, log_q_bar):
    points, log_q = _transported(q, noise)
    return jnp.sum(points_bar * points) + jnp.sum(log_q_bar * log_q)
