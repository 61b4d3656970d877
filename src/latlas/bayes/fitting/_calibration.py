"""Whether an engine's fits of a model are right on average: simulation-based calibration."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree
from numpyro import handlers

from latlas.bayes.engines._engine import AbstractEngine
from latlas.bayes.fitting._calibration_result import Calibration
from latlas.bayes.fitting._fit import fit
from latlas.bayes.targets._draws import flat_draws, named_draws
from latlas.bayes.targets._log_density import from_log_density
from latlas.bayes.targets._predictive import observed_values, prior_predictive
from latlas.bayes.verdict._assess import flat_parameters
from latlas.bayes.verdict._posterior import entry_names
from latlas.core import RequestError, WorkError, host_rng, in_float64, keys_from
from latlas.distributions.families import AbstractFamily


@in_float64
def simulation_based_calibration(
    key: PRNGKeyArray,
    model: Callable,
    data_or_init: PyTree = None,
    *,
    num_simulations: int = 100,
    num_draws: int = 99,
    engine: str | AbstractEngine = "auto",
    family: str | AbstractFamily | None = None,
    tolerance: float = 0.1,
    observed: Sequence[str] | None = None,
    simulate: Callable[[PRNGKeyArray], tuple[PyTree, PyTree]] | None = None,
    bijections: Mapping[str, Any] | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Calibration:
    r"""Fits many data sets that the model itself made, and looks where the truths lie among the fits' draws.

    Parameters are drawn from the prior and data from them; a fit of those data that equals the posterior has the truth's
    rank among $L$ of its draws uniform on $0, \dots, L$, for every parameter. All fits share what was compiled for the
    first.

    That an engine is right on average over the prior does not make it right on the data at hand (that is what
    `Fit.verdict` is about), and the other way round.

    Args:
        key: for all that is drawn.
        model: a NumPyro model with proper priors; or with `simulate`, `log_density(params, data)`.
        data_or_init: the model's data, for their shapes and for its covariates; or the unconstrained parameters of the log
            density to begin at, as for `fit`.
        num_simulations: data sets.
        num_draws: L, of each fit.
        engine: as for `fit`.
        family: as for `fit`.
        tolerance: as for `fit`.
        observed: names of the NumPyro sites that are data; None: those that have data in `data_or_init`.
        simulate: for a log density, one draw of the parameters from the prior and of data from those. The parameters are
            constrained, in the form that the fit's `sample` has.
        bijections: as for `fit`.
        progress: called after each fit with how many are done and the seconds of the last.

    Raises:
        RequestError: for counts below 10, a model without data, or a `simulate` whose parameters have another form than
            the fit's.
        WorkError: if more than a tenth of the fits fail; how the first of those ended.

    References:
        Talts, Betancourt, Simpson, Vehtari, Gelman 2018, arXiv:1804.06788, section 4; Yao, Vehtari, Simpson, Gelman 2018,
        ICML, section 4.
    """
    if min(num_simulations, num_draws) < 10:
        raise RequestError(
            f"num_simulations is {num_simulations} and num_draws is {num_draws}; fewer than 10 of either show nothing."
        )
    prior_key, fit_key, draw_key, break_key = itertools.islice(keys_from(key), 4)
    if simulate is None:
        if bijections:
            raise RequestError("Bijections are for log densities, which need `simulate`.")
        problems = _from_model(prior_key, model, data_or_init, observed, num_simulations)
    else:
        problems = _from_density(prior_key, model, data_or_init, simulate, bijections, num_simulations)
    ranks, ties, seconds, failures, names = [], [], [], [], None
    for done, ((truth, arguments), one_key, sample_key) in enumerate(
        zip(problems, keys_from(fit_key), keys_from(draw_key), strict=False), 1
    ):
        began = time.perf_counter()
        try:
            found = fit(*arguments, key=one_key, engine=engine, family=family, tolerance=tolerance)
            drawn = flat_parameters(found.target, found.posterior.resample(sample_key, num_draws))
        except WorkError as error:
            failures.append(str(error))
            if len(failures) > 0.1 * num_simulations:
                raise WorkError(
                    f"{len(failures)} of {done} fits failed, more than a tenth of all; the first: {failures[0]}"
                ) from error
            continue
        finally:
            seconds.append(time.perf_counter() - began)
        names = entry_names(found.target) if names is None else names
        values = _in_order(truth, names)
        ranks.append((drawn < values).sum(axis=0))
        ties.append((drawn == values).sum(axis=0))
        if progress is not None:
            progress(done, seconds[-1])
    # a truth among equal draws has any of their ranks
    rng = host_rng(break_key)
    broken = np.array(ranks) + rng.integers(0, np.array(ties) + 1)
    jitter = rng.uniform(size=broken.shape)
    return Calibration(
        names, broken, (broken + jitter) / (num_draws + 1), num_draws, np.array(seconds), tuple(failures)
    )


@dataclass(frozen=True)
class _Conditioned:
    """A NumPyro model whose observed sites take values from elsewhere; one program for all of them."""

    model: Callable

    def __call__(self, data, values):
        args, kwargs = (data, {}) if isinstance(data, tuple) else ((), data or {})
        with handlers.condition(data=values):
            self.model(*args, **kwargs)


def _from_model(key, model, data, observed, num_simulations):
    sites = tuple(observed_values(model, data)) if observed is None else tuple(observed)
    if not sites:
        raise RequestError("No site of the model has data; name those that stand for data: observed=('y',).")
    drawn = prior_predictive(key, model, data, num_simulations)
    if foreign := [site for site in sites if site not in drawn]:
        raise RequestError(
            f"observed names {', '.join(foreign)}; the model has the sites {', '.join(drawn)}."
        )
    conditioned = _Conditioned(model)
    for index in range(num_simulations):
        one = {name: values[index, ...] for name, values in drawn.items()}
        yield one, (conditioned, (data, {site: one[site] for site in sites}))


def _from_density(key, function, init, simulate, bijections, num_simulations):
    for one_key in itertools.islice(keys_from(key), num_simulations):
        truth, data = simulate(one_key)
        yield truth, (from_log_density(function, init, bijections=bijections, data=data),)


def _in_order(truth, names):
    """The entries of the true parameters in the order of a fit's."""
    flat = {
        name: float(values[0])
        for name, values in flat_draws(
            named_draws(jax.tree.map(lambda a: np.asarray(a)[None], truth))
        ).items()
    }
    if missing := [name for name in names if name not in flat]:
        raise RequestError(
            f"The simulated parameters lack {', '.join(missing[:5])}; they have {', '.join(list(flat)[:5])}."
        )
    return np.array([flat[name] for name in names])
