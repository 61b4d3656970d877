"""Whether an engine's fits of a model are right on average: simulation-based calibration."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
import scipy
from jaxtyping import Float, Int, PRNGKeyArray, PyTree
from numpyro import handlers

from latlas.bayes.engines._engine import AbstractEngine
from latlas.bayes.fitting._fit import fit
from latlas.bayes.targets._coordinates import entry_names, flat_draws, flat_parameters, named_draws
from latlas.bayes.targets._log_density import from_log_density
from latlas.bayes.targets._predictive import observed_values, prior_predictive
from latlas.core import RequestError, WorkError, host_rng, in_float64, keys_from
from latlas.distributions.families import AbstractFamily

LEVEL = 0.05  # chance that a right engine is called wrong, over all parameters and tests


@dataclass(frozen=True)
class Calibration:
    r"""Where true parameters lay among the draws of fits to data that they made.

    With $p$ the share of a fit's draws below the truth, which is uniform for a posterior that is right, and
    $z = \Phi^{-1}(p)$, three tests are made of each parameter, and Bonferroni's correction over all of them:

    - `uniformity`: Kolmogorov and Smirnov's, of p;
    - `bias`: Student's t of the mean of z. Above 0 the truths lie above the fits: these are too low, by about so
      many of their own standard deviations;
    - `dispersion`: chi-square of the standard deviation of z (Cook, Gelman, Rubin 2006, JCGS 15(3), section 3). Above 1
      the histogram of ranks is a U and the fits are overconfident; below 1 it is a hump and they are too wide.

    Attributes:
        names: of the entries of all parameters, m of them.
        ranks: number of draws below the truth, 0 to `num_draws`, for each simulation.
        probabilities: p, Yao et al.'s VSBC probabilities: ranks spread uniformly over their cell.
        num_draws: of each fit.
        seconds: of each fit that was tried; the first one's hold the compilation.
        failures: how fits that gave nothing ended; their data sets are left out of account.
    """

    names: tuple[str, ...]
    ranks: Int[np.ndarray, "simulations m"]
    probabilities: Float[np.ndarray, "simulations m"]
    num_draws: int
    seconds: Float[np.ndarray, " tried"]
    failures: tuple[str, ...]

    @cached_property
    def _z(self) -> Float[np.ndarray, "simulations m"]:
        return scipy.stats.norm.ppf(self.probabilities)

    @property
    def bias(self) -> Float[np.ndarray, " m"]:
        """Mean of z: how far the truths lie above the fits, in about the fits' standard deviations."""
        return self._z.mean(axis=0)

    @property
    def dispersion(self) -> Float[np.ndarray, " m"]:
        """Standard deviation of z: about how many times the posterior's standard deviation is the fits' own.

        It cannot be much above 2.5, the largest z that 99 draws show.
        """
        return self._z.std(axis=0, ddof=1)

    @cached_property
    def p_values(self) -> dict[str, Float[np.ndarray, " m"]]:
        """Of each test, "uniformity", "bias" and "dispersion", for each parameter; not yet corrected."""
        count = len(self._z)
        uniformity = scipy.stats.kstest(self.probabilities, "uniform", axis=0).pvalue
        bias = scipy.stats.ttest_1samp(self._z, 0.0, axis=0).pvalue
        below = scipy.stats.chi2.cdf((count - 1) * self.dispersion**2, count - 1)
        return {
            "uniformity": np.asarray(uniformity),
            "bias": np.asarray(bias),
            "dispersion": 2.0 * np.minimum(below, 1.0 - below),
        }

    @property
    def limit(self) -> float:
        """The p-value below which one test fails: 0.05 over the number of all tests."""
        return LEVEL / (3 * len(self.names))

    @property
    def passed(self) -> bool:
        """Whether no test of any parameter fails."""
        return all((values >= self.limit).all() for values in self.p_values.values())

    @property
    def findings(self) -> dict[str, str]:
        """One sentence for each parameter: what its ranks say."""
        return {name: self._finding(index) for index, name in enumerate(self.names)}

    def _finding(self, index):
        failed = {name for name, values in self.p_values.items() if values[index] < self.limit}
        bias, dispersion = self.bias[index], self.dispersion[index]
        said = []
        if "bias" in failed:
            side = "too low" if bias > 0 else "too high"
            said.append(f"the fits are {side}, by about {abs(bias):.2g} of their sds")
        if "dispersion" in failed and dispersion > 1:
            said.append(
                f"they are overconfident (a U): truths spread {dispersion:.2g} times as far as their sds say"
            )
        if "dispersion" in failed and dispersion < 1:
            said.append(
                f"they are too wide (a hump): truths spread {dispersion:.2g} times as far as their sds say"
            )
        if not said and failed:
            said.append(
                "the ranks are not uniform, neither by a shift nor by a wrong width: the shape is off"
            )
        return "; ".join(said) if said else "no departure from uniform ranks"

    def __str__(self) -> str:
        count, tried = len(self.ranks), len(self.seconds)
        head = f"{count} of {tried} simulated data sets fitted, {self.num_draws} draws each: "
        wrong = {
            name: text for name, text in self.findings.items() if text != "no departure from uniform ranks"
        }
        if not wrong:
            return f"{head}calibrated as far as these show, for all {len(self.names)} parameters."
        listed = ". ".join(f"{name}: {text}" for name, text in wrong.items())
        return f"{head}not calibrated in {len(wrong)} of {len(self.names)} parameters. {listed}."

    def to_dict(self) -> dict[str, Any]:
        """What was found as plain values, ready for JSON."""
        columns = {"bias": self.bias, "dispersion": self.dispersion} | {
            f"p_{name}": values for name, values in self.p_values.items()
        }
        return {
            "passed": self.passed,
            "num_simulations": len(self.ranks),
            "num_draws": self.num_draws,
            "failures": list(self.failures),
            "seconds": float(self.seconds.sum()),
            "parameters": {
                name: {column: float(values[index]) for column, values in columns.items()}
                | {"finding": self.findings[name]}
                for index, name in enumerate(self.names)
            },
        }


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
        progress: called after each fit that gave something, with how many are done and the seconds of the last.

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
    ranks, ties, seconds, failures = [], [], [], []
    names: tuple[str, ...] | None = None
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
    assert names is not None  # nine fits in ten did not fail
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


def _from_model(key, model, data, observed, num_simulations) -> Iterator[tuple[PyTree, tuple[Any, ...]]]:
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


def _from_density(
    key, function, init, simulate, bijections, num_simulations
) -> Iterator[tuple[PyTree, tuple[Any, ...]]]:
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
