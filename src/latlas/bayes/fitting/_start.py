"""Where to begin, and in a sentence why one cannot: which site, which data."""

import numpy as np
from jaxtyping import Float, PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.densities._lbfgs import minimise
from latlas.bayes.targets._coordinates import coordinate_names
from latlas.core import DataError, RequestError, host_rng, in_float64
from latlas.distributions.families import Affine, Diagonal

_HALF = 16  # antithetic pairs of fixed draws
_BEGIN = -1.0  # log standard deviations at the beginning: small steps into the unknown
_MAX_LOG_SCALE = 50.0
_HISTORY = 10  # of L-BFGS: a rough answer is enough
_ROUNDS, _ITERATIONS = 6, 100  # of L-BFGS, each in units of the widths that the one before found
_GAIN = 0.01  # nats; a round that gains less is the last


def elbo_start(key: PRNGKeyArray, density: Density, start: Float[np.ndarray, " n"]) -> Affine:
    """Means and standard deviations that maximise a fixed-draw ELBO from `start`.

    Where the density rises without end along a thin funnel there is no mode to begin at, but the ELBO, which pays for
    thinness with entropy, has its maximum in the bulk.

    L-BFGS is begun again in units of the widths that it has found: at the raw scale of data a mean may be thousands of units
    away from where it begins, beside a log scale that needs to move by one, and a search in units of one gives up.

    Args:
        key: for the fixed draws.
        density: in any coordinates.
        start: where the means begin.

    Returns:
        The diagonal map from the standard normal to that guess.
    """
    n = len(start)
    noise = host_rng(key).standard_normal((_HALF, n))
    noise = np.concatenate([noise, -noise])
    # then a normal target without correlations gives its exact answer
    noise /= np.sqrt(np.mean(noise**2, axis=0))

    loc, log_scale, before = np.array(start, float), np.full(n, _BEGIN), np.inf
    for _ in range(_ROUNDS):
        unit = _scale_of(log_scale)

        def loss(params, loc=loc, log_scale=log_scale, unit=unit):
            moved, widened = loc + unit * params[:n], log_scale + params[n:]
            scale = _scale_of(widened)
            value, score = density.value_and_grad(moved + scale * noise)
            gradient = np.concatenate([score.mean(0) * unit, (score * noise).mean(0) * scale + 1.0])
            return -value.mean() - widened.sum(), -gradient

        found = minimise(loss, np.zeros(2 * n), max_iterations=_ITERATIONS, change=1e-9, history=_HISTORY)
        loc, log_scale = loc + unit * found.x[:n], log_scale + found.x[n:]
        if not before - found.value > _GAIN:
            break
        before = found.value
    return Affine(loc, Diagonal(_scale_of(log_scale)))


def _scale_of(log_scale):
    return np.exp(np.clip(log_scale, -_MAX_LOG_SCALE, _MAX_LOG_SCALE))


NUM_TRIES = 100
RADIUS = 2.0  # as Stan and NumPyro begin
SHOWN = 3  # names in a message


def starting_point(key: PRNGKeyArray, density: Density) -> Float[np.ndarray, " n"]:
    """Where the log density and its gradient are finite: the user's own parameters, else uniform on (-2, 2)^n.

    Args:
        key: for the tries.
        density: without a whitening, so that its coordinates are the target's own.

    Raises:
        RequestError: if none of a hundred tries is finite, naming the site to blame; or if a coordinate does not enter the
            density at all, whose posterior is then improper.
        DataError: if the data hold values that are not finite, which then are to blame.
    """
    rng, target = host_rng(key), density.target
    tries = rng.uniform(-RADIUS, RADIUS, (NUM_TRIES, density.dim))
    if target.start is not None:
        tries = np.concatenate([np.asarray(target.start)[None], tries])
    for number, u in enumerate(tries):
        value, grad = density.value_and_grad(u[None])
        if np.isfinite(value[0]) and np.isfinite(grad).all():
            _refuse_idle(density, grad[0], tries[(number + 1) % len(tries)])
            return u
    raise _reason(target, tries[0], density)


def check_start(density: Density, u: Float[np.ndarray, " n"]) -> None:
    """Refuses a point where the log density or its gradient is not finite.

    Raises:
        RequestError: naming the site to blame, or the coordinate.
        DataError: if the data hold values that are not finite.
    """
    value, grad = density.value_and_grad(np.asarray(u)[None])
    if not (np.isfinite(value[0]) and np.isfinite(grad).all()):
        raise _reason(density.target, np.asarray(u), density)


def _refuse_idle(density, grad, elsewhere):
    idle = np.flatnonzero(grad == 0.0)
    if not len(idle):
        return
    # a gradient may vanish at a point by chance, as at a mode, but not at another one as well
    idle = idle[density.value_and_grad(elsewhere[None])[1][0][idle] == 0.0]
    if len(idle):
        names = coordinate_names(density.target)
        raise RequestError(
            f"The log density does not depend on {_listed([names[i] for i in idle])}, so the posterior is improper there: "
            "give these a prior, or leave them out."
        )


@in_float64
def _reason(target, u, density):
    """The error to raise about a point with a log density or a gradient that is not finite."""
    suspects = target.suspects(u)
    if suspects.holes:
        return DataError(
            f"The log density is not finite at any start, and the data have holes: {_listed(suspects.holes)}. Leave those "
            "entries out, or mask them with numpyro.handlers.mask after replacing them by a valid number."
        )
    value, grad = (a[0] for a in density.value_and_grad(u[None]))
    if suspects.sites:
        return RequestError(
            f"The log density is not finite at any start: {_listed(suspects.sites)}. Check that the "
            "distribution's parameters are valid there and that the observed values lie in its support."
        )
    if np.isfinite(value):
        names = coordinate_names(target)
        where = [names[i] for i in np.flatnonzero(~np.isfinite(grad))]
        return RequestError(
            f"The log density is finite but its gradient is not, with respect to {_listed(where)}: look for a square "
            "root, a division or a `jnp.where` whose other branch is not finite (replace its argument too)."
        )
    return RequestError(
        f"The log density is {value} at any start, the given parameters or uniform on (-2, 2): it must be finite on an open "
        "set of unconstrained parameters. Look for logs of negative numbers, divisions by zero, and missing bijections."
    )


def _listed(words):
    shown = ", ".join(words[:SHOWN])
    return shown if len(words) <= SHOWN else f"{shown} and {len(words) - SHOWN} more"
