"""Posteriors as `xarray.DataTree` with ArviZ's group names, which every version of ArviZ reads."""

import importlib.metadata
import warnings
from collections.abc import Mapping
from typing import Any, Required, TypedDict

import lazy_loader
import numpy as np
from jaxtyping import Array, Shaped

from latlas.core import RequestError

arviz = lazy_loader.load("arviz")
xarray = lazy_loader.load("xarray")

Arrays = Mapping[str, Array | np.ndarray]


class Groups(TypedDict, total=False):
    """Groups of a tree, each variable -> array, under the names of `to_datatree`'s arguments."""

    posterior: Required[Arrays]
    log_likelihood: Arrays
    posterior_predictive: Arrays
    observed_data: Arrays


def to_datatree(
    posterior: Mapping[str, Shaped[Array | np.ndarray, "_ ..."]],
    *,
    num_chains: int = 1,
    sample_stats: Mapping[str, Array | np.ndarray] | None = None,
    log_likelihood: Mapping[str, Array | np.ndarray] | None = None,
    posterior_predictive: Mapping[str, Array | np.ndarray] | None = None,
    prior: Mapping[str, Array | np.ndarray] | None = None,
    prior_predictive: Mapping[str, Array | np.ndarray] | None = None,
    observed_data: Mapping[str, Array | np.ndarray] | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> Any:
    """Draws as an `xarray.DataTree` in ArviZ's layout (arviz-devs, "InferenceData schema specification").

    Each mapping becomes a group of its name. Its variables have the dimensions `chain`, `draw` and then `NAME_dim_0`,
    `NAME_dim_1` and so on; `observed_data` has the latter alone. ArviZ 1.x takes the tree as it is; ArviZ 0.23 reads it by
    `arviz.from_datatree(tree)`.

    Args:
        posterior: name -> draws, the chains one after another.
        num_chains: of the posterior and what belongs to its draws; 1 for independent draws.
        sample_stats: numbers about each draw, such as `lp` in nats.
        log_likelihood: of each observation at each draw in nats: for `arviz.loo`.
        posterior_predictive: replicates, one for each draw.
        prior: draws from the prior, one chain.
        prior_predictive: data drawn from the prior, one chain.
        observed_data: the data, without an axis of draws.
        attrs: about the whole, such as the engine; strings and numbers.

    Raises:
        RequestError: if xarray is missing, for groups of another number of draws than the posterior, or chains that do not
            divide it.
    """
    _require_xarray()
    num_draws = _num_draws("posterior", posterior)
    if num_draws % num_chains:
        raise RequestError(f"{num_draws} draws are no whole number of {num_chains} chains.")
    drawn = {
        "posterior": posterior,
        "sample_stats": sample_stats,
        "log_likelihood": log_likelihood,
        "posterior_predictive": posterior_predictive,
    }
    groups = {}
    for group, values in drawn.items():
        if values:
            if (count := _num_draws(group, values)) != num_draws:
                raise RequestError(f"The group {group} has {count} draws, but the posterior has {num_draws}.")
            groups[group] = _dataset(values, num_chains)
    for group, values in (("prior", prior), ("prior_predictive", prior_predictive)):
        if values:
            _num_draws(group, values)
            groups[group] = _dataset(values, 1)
    if observed_data:
        groups["observed_data"] = _dataset(observed_data, None)
    about = {"inference_library": "latlas", "inference_library_version": importlib.metadata.version("latlas")}
    return xarray.DataTree.from_dict(
        {
            "/": xarray.Dataset(attrs=about | dict(attrs or {})),
            **{f"/{name}": ds for name, ds in groups.items()},
        }
    )


def whole_chains(num_draws: int) -> int:
    """Into how many chains independent draws are divided: four, which ArviZ's measures want, or as few as divide them."""
    return next((number for number in (4, 2, 3, 5, 7) if num_draws % number == 0 and num_draws > number), 1)


def for_installed_arviz(tree: Any) -> Any:
    """The tree as the ArviZ that is installed takes it: before version 1 an `arviz.InferenceData`."""
    try:
        before = int(importlib.metadata.version("arviz").partition(".")[0]) < 1
    except importlib.metadata.PackageNotFoundError:
        return tree
    if not before:
        return tree
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it announces its next major version
        return arviz.from_datatree(tree)


def _dataset(values, num_chains):
    """As many chains of as many draws; None: no such axes."""
    variables, coords = {}, {}
    for name, array in values.items():
        array, leading = np.asarray(array), []
        if num_chains is not None:
            array = array.reshape(num_chains, -1, *array.shape[1:])
            leading = ["chain", "draw"]
        trailing = [f"{name}_dim_{i}" for i in range(array.ndim - len(leading))]
        variables[name] = ([*leading, *trailing], array)
        coords |= {dim: np.arange(size) for dim, size in zip([*leading, *trailing], array.shape, strict=True)}
    return xarray.Dataset(variables, coords)


def _num_draws(group, values):
    counts = {np.shape(array)[0] if np.ndim(array) else None for array in values.values()}
    count = next(iter(counts)) if len(counts) == 1 else None
    if not count:
        found = ", ".join(f"{name} {np.shape(array)}" for name, array in values.items()) or "nothing"
        raise RequestError(
            f"The group {group} needs the same number of draws along each first axis; it has {found}."
        )
    return count


def _require_xarray():
    try:
        xarray.DataTree  # noqa: B018 - the first use imports it
    except (ImportError, AttributeError) as error:
        raise RequestError(
            "An export to ArviZ needs xarray 2024.11 or later: pip install latlas[bayes]."
        ) from error
