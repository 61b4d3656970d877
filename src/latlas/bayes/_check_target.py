"""Where to begin, and in a sentence why one cannot: which site, which data."""

import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from latlas.bayes._arguments import Arguments, is_array
from latlas.bayes._density import Density
from latlas.bayes._minibatched import MinibatchTarget
from latlas.bayes._numpyro_target import NumPyroTarget, SubsampledTarget
from latlas.bayes._precision import host_rng, in_float64
from latlas.bayes._stochastic_target import FixedBatches
from latlas.bayes._target import AbstractTarget, DensityTarget
from latlas.core import DataError, RequestError

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
    given = _given(target)
    if given is not None:
        tries = np.concatenate([given[None], tries])
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


def coordinate_names(target: AbstractTarget) -> tuple[str, ...]:
    """A name for each unconstrained coordinate, such as `theta[2]`."""
    inner = _inner(target)
    if isinstance(inner, NumPyroTarget | SubsampledTarget):
        shapes = {site.name: site.free_shape for site in inner.program.anatomy.latent}
    elif isinstance(inner, DensityTarget | MinibatchTarget):
        tree = jax.tree.unflatten(
            inner.layout.treedef, [jax.ShapeDtypeStruct(s, float) for s in inner.layout.shapes]
        )
        shapes = {
            _path_name(path): leaf.shape for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
        }
    else:
        shapes = {"u": (target.dim,)}
    return tuple(
        name + (str(list(index)).replace(" ", "") if index else "")
        for name, shape in shapes.items()
        for index in np.ndindex(shape)
    )


def _path_name(path):
    names = [
        str(getattr(entry, "key", getattr(entry, "idx", getattr(entry, "name", entry)))) for entry in path
    ]
    return ".".join(names) or "u"


def _inner(target):
    return target.target if isinstance(target, FixedBatches) else target


def _given(target):
    inner = _inner(target)
    return np.asarray(inner.start) if isinstance(inner, DensityTarget | MinibatchTarget) else None


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
            "give these a prior, or leave them out (sites that `obs_mask` splits are of this kind: use "
            "numpyro.handlers.mask)."
        )


@in_float64
def _reason(target, u, density):
    """The error to raise about a point with a log density or a gradient that is not finite."""
    holes = _holes(_inner(target))
    if holes:
        return DataError(
            f"The log density is not finite at any start, and the data have holes: {_listed(holes)}. Leave those "
            "entries out, or mask them with numpyro.handlers.mask after replacing them by a valid number."
        )
    inner = _inner(target)
    value, grad = (a[0] for a in density.value_and_grad(u[None]))
    blame = _sites_to_blame(inner, u) if isinstance(inner, NumPyroTarget | SubsampledTarget) else []
    if blame:
        return RequestError(
            f"The log density is not finite at any start: {_listed(blame)}. Check that the distribution's parameters are "
            "valid there and that the observed values lie in its support."
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


def _sites_to_blame(target, u):
    # compiled: with concrete numbers NumPyro raises at the first invalid parameter
    program = target.program
    densities = jax.jit(lambda program, u: program.site_log_densities(u, program.all_rows()))(program, u)
    return [
        f"site {name!r} has log density {float(value)}"
        for name, value in densities.items()
        if not np.isfinite(float(value))
    ]


def _holes(target):
    if isinstance(target, NumPyroTarget | SubsampledTarget):
        arguments = target.program.arguments
    elif isinstance(target, DensityTarget) and target.data is not None:
        arguments = target.data
    else:
        return []
    return [
        _hole(place, values) for place, values in named_values(arguments) if not np.isfinite(values).all()
    ]


def _hole(place, values):
    bad = ~np.isfinite(values)
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    at = f", the first at {list(first)}" if first else ""
    return f"{place} has {int(bad.sum())} of {values.size} values that are nan or infinite{at}"


def named_values(arguments: Arguments) -> list[tuple[str, Float[Array, "..."]]]:
    """(place, values) of the real arrays among the data."""
    places = jax.tree_util.tree_flatten_with_path(arguments.data)[0]
    found = [
        (f"data{jax.tree_util.keystr(path)}", np.asarray(leaf)) for path, leaf in places if is_array(leaf)
    ]
    return [(place, values) for place, values in found if values.dtype.kind == "f"]


def _listed(words):
    shown = ", ".join(words[:SHOWN])
    return shown if len(words) <= SHOWN else f"{shown} and {len(words) - SHOWN} more"
