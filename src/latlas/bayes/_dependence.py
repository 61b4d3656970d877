"""What depends on what in a NumPyro model, in the coordinates of its unconstrained vector."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from numpyro import handlers
from numpyro.distributions import biject_to
from numpyro.infer.inspect import get_dependencies

from latlas.bayes._family_structured import Dependence
from latlas.bayes._target import Layout
from latlas.core import RequestError


def dependence_of_model(
    model: Callable, args: tuple = (), kwargs: Mapping[str, Any] | None = None
) -> Dependence:
    """The graph of the model's latent sites for `Structured`: each on its parents in the model's own order.

    Parents of a site are the earlier latent sites that its distribution reads, and those that share a child with it,
    observed or not: given that child they are dependent (moralisation; Webb et al. 2018, arXiv:1712.00287, section 3).
    Within a plate that both are in, the i-th entry depends on the i-th alone. Entries of one site that no plate
    separates depend on one another in their order.

    Args:
        model: a NumPyro model.
        args: its arguments.
        kwargs: its keyword arguments.

    Returns:
        (children, parents) pairs of coordinates; the vector holds the unconstrained sites by the order of their names,
        as `Layout.of` of their dict has it.

    Raises:
        RequestError: where the model has no continuous latent site.
    """
    kwargs = dict(kwargs or {})
    sites = _latent_sites(model, args, kwargs)
    if not sites:
        raise RequestError(
            "The model has no continuous latent site; give one with at least one unobserved sample site."
        )
    parents = _parents(get_dependencies(model, args, kwargs)["prior_dependencies"], list(sites))
    layout = Layout.of({name: shape for name, (shape, _) in sites.items()})
    places = layout.unravel(np.arange(layout.size))
    pairs = []
    for name, (_, plates) in sites.items():
        pairs += _site_pairs(name, parents[name], places, plates, {n: p for n, (_, p) in sites.items()})
    return tuple(pairs)


def _latent_sites(model, args, kwargs):
    """Name -> (an unconstrained value, the axes of its plates by name), in the model's order."""
    trace = handlers.trace(handlers.seed(model, jax.random.key(0))).get_trace(*args, **kwargs)
    sites = {}
    for name, site in trace.items():
        if site["type"] != "sample" or site["is_observed"] or site["fn"].is_discrete:
            continue
        value = np.asarray(biject_to(site["fn"].support).inv(site["value"]))
        event = value.ndim - (np.ndim(site["value"]) - site["fn"].event_dim)
        axes = {f.name: value.ndim - event + f.dim for f in site["cond_indep_stack"]}
        sites[name] = (value, axes)
    return sites


def _parents(prior, order):
    rank = {name: place for place, name in enumerate(order)}
    parents = {name: set() for name in order}
    for child, read in prior.items():
        latent = [name for name in read if name in rank]
        family = sorted({*latent, *([child] if child in rank else [])}, key=rank.__getitem__)
        for place, name in enumerate(family):
            parents[name] |= set(family[:place])
    return {name: sorted(found, key=rank.__getitem__) for name, found in parents.items()}


def _site_pairs(name, parents, places, plates, all_plates):
    """One pair per independent entry of the site, and one per coordinate within it."""
    mine = places[name]
    pairs = []
    for index in np.ndindex(*[mine.shape[axis] for axis in plates.values()]):
        at = dict(zip(plates, index, strict=True))
        upstream = [int(i) for p in parents for i in _entries(places[p], all_plates[p], at)]
        earlier = []
        for coordinate in _entries(mine, plates, at):
            pairs.append(((int(coordinate),), (*upstream, *earlier)))
            earlier.append(int(coordinate))
    return pairs


def _entries(places, plates, at):
    """Coordinates of a site that lie at this index of the plates they share."""
    index = [slice(None)] * places.ndim
    for plate, axis in plates.items():
        if plate in at:
            index[axis] = at[plate]
    return places[tuple(index)].ravel()
