"""What depends on what in a NumPyro model, in the coordinates of its unconstrained vector."""

from collections.abc import Callable

import numpy as np
from jaxtyping import PyTree
from numpyro.infer.inspect import get_dependencies

from latlas.bayes.targets._numpyro_sites import anatomy_of, call_of, read_trace
from latlas.bayes.targets._surroundings import with_own_surroundings
from latlas.core import in_float64
from latlas.distributions.families import Dependence


@in_float64
def dependence_of_model(model: Callable, data: PyTree = None) -> Dependence:
    """The graph of the model's latent sites for `Structured`: each on its parents in the model's own order.

    Parents of a site are the earlier latent sites that its distribution reads, and those that share a child with it,
    observed or not: given that child they are dependent (moralisation; Webb et al. 2018, arXiv:1712.00287, section 3).
    Within a plate that both are in, the i-th entry depends on the i-th alone. Entries of one site that no plate
    separates depend on one another in their order. Discrete sites are passed through to what they depend on.

    Args:
        model: a NumPyro model.
        data: a dict of its keyword arguments or a tuple of its positional ones, as for `from_numpyro`.

    Returns:
        (children, parents) pairs of coordinates of the vector on which `from_numpyro` has the model.

    Raises:
        RequestError: where the model does not take the data, or has no continuous latent site.
    """
    model = with_own_surroundings(model)
    arguments, sites = read_trace(model, data, _latent_sites)
    parents = _parents(
        get_dependencies(model, *call_of(model, arguments.data))["prior_dependencies"], list(sites)
    )
    ends = np.cumsum([np.prod(shape, dtype=int) for shape, _ in sites.values()])
    places = {
        name: np.arange(end - np.prod(shape, dtype=int), end).reshape(shape)
        for end, (name, (shape, _)) in zip(ends, sites.items(), strict=True)
    }
    plates = {name: axes for name, (_, axes) in sites.items()}
    return tuple(pair for name in sites for pair in _site_pairs(name, parents[name], places, plates))


def _latent_sites(record, plates):
    """Name -> (unconstrained shape, the axes of its plates by name), in the model's order."""
    sites = {}
    for site in anatomy_of(record, plates).latent:
        function = record[site.name]["fn"]
        batch = len(site.shape) - function.event_dim
        sites[site.name] = (
            site.free_shape,
            {f.name: batch + f.dim for f in record[site.name]["cond_indep_stack"]},
        )
    return sites


def _parents(prior, order):
    rank = {name: place for place, name in enumerate(order)}

    def continuous(name):
        """Latent sites that it reads, through discrete ones."""
        above = [u for u in prior[name] if u != name]
        return {u for u in above if u in rank} | {v for u in above if u not in rank for v in continuous(u)}

    parents = {name: set() for name in order}
    for child in prior:
        family = sorted(continuous(child) | ({child} & set(rank)), key=rank.__getitem__)
        for place, name in enumerate(family):
            parents[name] |= set(family[:place])
    return {name: sorted(found, key=rank.__getitem__) for name, found in parents.items()}


def _site_pairs(name, parents, places, all_plates):
    """One pair per independent entry of the site, and one per coordinate within it."""
    mine, plates = places[name], all_plates[name]
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
