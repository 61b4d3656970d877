"""What a NumPyro model says about data: before it saw them, after it did, and how likely they are."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Shaped
from numpyro import handlers, infer

from latlas.bayes.targets._arguments import own_floats
from latlas.bayes.targets._numpyro_program import require_funsor
from latlas.bayes.targets._numpyro_sites import OnRows, Plates, all_rows, call_of, read_trace
from latlas.bayes.targets._surroundings import with_own_surroundings
from latlas.core import RequestError, check_key, in_float64

_IMPROPER = (
    "A site of the model has an improper prior, such as ImproperUniform, from which nothing can be drawn; give it a "
    "proper one."
)


@dataclass(frozen=True)
class _Hidden:
    """A sample site without data: its name, its shape, and how many of its first axes count independent entries."""

    name: str
    shape: tuple[int, ...]
    independent: int


@dataclass(frozen=True)
class _Outline:
    """A model's sites.

    Attributes:
        hidden: sample sites without data.
        discrete: those of them with discrete values.
        observed: sample sites with data; `numpyro.factor` is not among them.
        deterministic: the others.
        plates: those that subsample.
    """

    hidden: tuple["_Hidden", ...]
    discrete: tuple[str, ...]
    observed: tuple[str, ...]
    deterministic: tuple[str, ...]
    plates: Plates

    @property
    def names(self) -> tuple[str, ...]:
        """Of all sites, in the order in which values are returned; factors have none."""
        return (*(site.name for site in self.hidden), *self.observed, *self.deterministic)


@in_float64
def prior_predictive(
    key: PRNGKeyArray, model: Callable, data: PyTree, num_draws: int
) -> dict[str, Shaped[np.ndarray, "draws ..."]]:
    """Independent draws of every site of a NumPyro model, from the prior alone.

    Sites with data are drawn as well, in the shapes that the data have, as are deterministic ones; all in float64.

    Args:
        key: for the draws.
        model: with NumPyro's primitives.
        data: as for `from_numpyro`; the values of observed sites do not matter.
        num_draws: at least 1.

    Returns:
        Site name -> values with a leading axis of draws.

    Raises:
        RequestError: for a site without a proper prior.
    """
    check_key(key)
    model = with_own_surroundings(model)
    arguments, outline = read_trace(model, data, _outline)
    _count(num_draws)
    try:
        drawn = _drawn(key, model, outline.plates, arguments, {}, num_draws)
    except NotImplementedError as error:
        raise RequestError(_IMPROPER) from error
    return _in_order(drawn, outline)


@in_float64
def posterior_predictive(
    key: PRNGKeyArray,
    model: Callable,
    data: PyTree,
    draws: Mapping[str, Float[Array | np.ndarray, "draws ..."]],
    *,
    anew: Collection[str] = (),
) -> dict[str, Shaped[np.ndarray, "draws ..."]]:
    """One replicate of the data for each posterior draw, of a NumPyro model, in float64.

    Data for which the model's observations are `None` give predictions; other covariates are welcome.

    Args:
        key: for the draws.
        model: with NumPyro's primitives.
        data: as for `from_numpyro`.
        draws: latent site -> values with a leading axis of draws, as a fit's `sample` gives them.
        anew: latent sites of groups or rows that were not fitted. Where the data ask for more entries of one than the draws
            have, those come first and the others are drawn given the rest of each draw; one that the draws lack is drawn
            altogether.

    Returns:
        Values of the sites that have data, are not among `draws` or are in `anew`, discrete latent ones of the replicates
        too, and of deterministic ones.

    Raises:
        RequestError: for draws that lack a latent site, are unequally many, have another shape than the site has with these
            data, or name a site that the model does not have.
        DataError: for data that index what the model does not have.
    """
    check_key(key)
    model = with_own_surroundings(model)
    arguments, outline = read_trace(model, data, _outline)
    kept, num_draws = _latent_draws(draws, outline, anew)
    try:
        if anew:
            found = _drawn_anew(key, model, outline, tuple(anew), arguments, kept, num_draws)
        else:
            found = _drawn(key, model, outline.plates, arguments, kept, num_draws)
    except NotImplementedError as error:
        raise RequestError(_IMPROPER) from error
    return _in_order(found, outline)


@in_float64
def discrete_posterior(
    key: PRNGKeyArray,
    model: Callable,
    data: PyTree,
    draws: Mapping[str, Float[Array | np.ndarray, "draws ..."]],
) -> dict[str, np.ndarray]:
    """One value of each discrete latent site given the data, for each posterior draw of the others.

    A fit sums these sites out; this draws them from their exact conditional (forward filtering and backward sampling by
    funsor). Arguments and errors are those of `posterior_predictive`.
    """
    check_key(key)
    model = with_own_surroundings(model)
    arguments, outline = read_trace(model, data, _outline)
    kept, _ = _latent_draws(draws, outline)
    if not outline.discrete:
        raise RequestError("The model has no discrete latent site.")
    require_funsor(outline.discrete)
    return _in_order(_discrete(key, model, outline.discrete, arguments, kept), outline)


@in_float64
def log_likelihood(
    model: Callable, data: PyTree, draws: Mapping[str, Float[Array | np.ndarray, "draws ..."]]
) -> dict[str, Float[np.ndarray, "draws ..."]]:
    """log p(observation | draw) in nats for each observation of a NumPyro model, in float64: what leave-one-out needs.

    Args:
        model: with NumPyro's primitives.
        data: as for `from_numpyro`.
        draws: latent site -> values with a leading axis of draws.

    Returns:
        Observed site -> values of shape `(draws, *batch shape of the site)`.

    Raises:
        RequestError: for draws that lack a latent site, or a model whose discrete sites are summed out: the likelihood of
            one observation is then no property of a draw.
    """
    model = with_own_surroundings(model)
    arguments, outline = read_trace(model, data, _outline)
    if outline.discrete:
        raise RequestError(
            f"The likelihood of one observation needs the discrete sites {', '.join(outline.discrete)}, which are summed "
            "out; write the mixture with numpyro.distributions.MixtureSameFamily."
        )
    kept, _ = _latent_draws(draws, outline)
    return _in_order(_likelihoods(model, outline.plates, arguments, kept), outline)


@in_float64
def observed_values(model: Callable, data: PyTree) -> dict[str, np.ndarray]:
    """The values of a model's observed sites, by name: the group `observed_data` of an export."""
    model = with_own_surroundings(model)
    arguments, outline = read_trace(model, data, _outline)

    return _in_order(_observed(model, outline.plates, arguments), outline)


def _outline(record, plates):
    samples = [site for site in record.values() if site["type"] == "sample"]
    hidden = [site for site in samples if not site["is_observed"]]
    seen = [site for site in samples if site["is_observed"]]
    return _Outline(
        hidden=tuple(_Hidden(s["name"], tuple(s["value"].shape), _independent_axes(s)) for s in hidden),
        discrete=tuple(site["name"] for site in hidden if site["fn"].support.is_discrete),
        observed=tuple(site["name"] for site in seen if not isinstance(site["fn"], dist.Unit)),
        deterministic=tuple(site["name"] for site in record.values() if site["type"] == "deterministic"),
        plates=plates,
    )


def _independent_axes(site):
    """How many of the first axes of a site's values count entries that are independent given its parents."""
    if "_scan_current_index" in site["infer"]:
        return 0  # each follows the one before
    law = site["fn"]
    while isinstance(law, dist.Independent | dist.ExpandedDistribution | dist.MaskedDistribution):
        law = law.base_dist
    return site["value"].ndim - law.event_dim


# compiled once for a model and the shapes of its data and draws


@partial(jax.jit, static_argnames=("model", "plates", "num_draws"))
def _drawn(key, model, plates, arguments, kept, num_draws):
    args, kwargs = call_of(model, arguments.data)
    free = OnRows(handlers.uncondition(model), all_rows(plates))
    return infer.Predictive(free, kept or None, num_samples=num_draws, parallel=True)(key, *args, **kwargs)


@partial(jax.jit, static_argnames=("model", "outline", "anew", "num_draws"))
def _drawn_anew(key, model, outline, anew, arguments, kept, num_draws):
    args, kwargs = call_of(model, arguments.data)
    returned = [name for name in outline.names if name not in kept or name in anew]

    def one(key, values):
        seeded = handlers.seed(OnRows(handlers.uncondition(model), all_rows(outline.plates)), key)
        record = handlers.trace(_First(seeded, values)).get_trace(*args, **kwargs)
        return {name: jnp.asarray(record[name]["value"]) for name in returned}

    return jax.vmap(one)(jax.random.split(key, num_draws), kept)


class _First(handlers.substitute):
    """Gives sites the values that there are; those of them that have more entries draw the ones after these."""

    def process_message(self, msg):
        super().process_message(msg)
        if msg["type"] != "sample" or msg["name"] not in self.data:
            return
        first, law = msg["value"], msg["fn"]
        if (shape := law.shape(msg["kwargs"]["sample_shape"])) != first.shape:
            drawn = law.sample(msg["kwargs"]["rng_key"], msg["kwargs"]["sample_shape"]).astype(first.dtype)
            msg["value"] = drawn.at[tuple(map(slice, first.shape))].set(first)
            assert msg["value"].shape == shape


@partial(jax.jit, static_argnames=("model", "sites"))
def _discrete(key, model, sites, arguments, kept):
    args, kwargs = call_of(model, arguments.data)
    predictive = infer.Predictive(model, kept, infer_discrete=True, return_sites=list(sites), parallel=True)
    return predictive(key, *args, **kwargs)


@partial(jax.jit, static_argnames=("model", "plates"))
def _likelihoods(model, plates, arguments, kept):
    args, kwargs = call_of(model, arguments.data)
    return infer.log_likelihood(OnRows(model, all_rows(plates)), kept, *args, parallel=True, **kwargs)


@partial(jax.jit, static_argnames=("model", "plates"))
def _observed(model, plates, arguments):
    args, kwargs = call_of(model, arguments.data)
    # latent values do not matter here, and a prior may be improper
    full = handlers.seed(OnRows(model, all_rows(plates)), 0)
    record = handlers.trace(handlers.substitute(full, substitute_fn=infer.init_to_uniform)).get_trace(
        *args, **kwargs
    )
    return {
        name: jnp.asarray(site["value"])
        for name, site in record.items()
        if site["type"] == "sample" and site["is_observed"]
    }


def _in_order(drawn, outline):
    # compiled functions sort names
    return {name: np.asarray(drawn[name]) for name in outline.names if name in drawn}


def _latent_draws(draws, outline, anew=()):
    """The draws of latent sites, and how many they are."""
    names = [site.name for site in outline.hidden]
    if foreign := [name for name in (*draws, *anew) if name not in outline.names]:
        raise RequestError(
            f"The draws name {', '.join(foreign)}, which the model does not have; it has {', '.join(sorted(outline.names))}."
        )
    if foreign := [name for name in anew if name not in names]:
        raise RequestError(f"`anew` names {', '.join(foreign)}; it is for latent sites: {', '.join(names)}.")
    kept = {name: own_floats(draws[name]) for name in names if name in draws}
    missing = [
        name for name in names if name not in kept and name not in outline.discrete and name not in anew
    ]
    # without any observation the model predicts, and the sites to be predicted look like latent ones
    if missing and (outline.observed or not kept):
        raise RequestError(
            f"The draws lack the latent sites {', '.join(missing)}; give what the fit's `sample` returned."
        )
    counts = {len(values) for values in kept.values()}
    if len(counts) != 1:
        raise RequestError(f"The draws are unequally many: {sorted(counts)}.")
    for site in outline.hidden:
        if site.name in kept:
            _refuse_other_shape(site, kept[site.name].shape[1:], site.name in anew)
    return kept, counts.pop()


def _refuse_other_shape(site, drawn, anew):
    """Refuses draws of other entries than the model has with these data, where nothing says what the others are."""
    if drawn == site.shape:
        return
    free, bound = slice(None, site.independent), slice(site.independent, None)
    grown = len(drawn) == len(site.shape) and drawn[bound] == site.shape[bound]
    grown = grown and all(a <= b for a, b in zip(drawn[free], site.shape[free], strict=True))
    if anew and grown:
        return
    told = f"With these data the site {site.name!r} has the shape {site.shape}, and the draws have {drawn}"
    if grown:
        raise RequestError(
            f"{told}. Name it in `anew=({site.name!r},)` to keep the entries that were fitted as its first ones and draw "
            "the others given the rest of each draw, as for groups that were not fitted."
        )
    raise RequestError(
        f"{told}: it does not say which entries are meant. Give data with the entries that were fitted and those that are "
        f"new after them, or leave {site.name!r} out of the draws and name it in `anew` to have all of it drawn."
    )


def _count(num_draws):
    if not isinstance(num_draws, int | np.integer) or num_draws < 1:
        raise RequestError(f"num_draws is {num_draws!r}; give a positive integer.")
