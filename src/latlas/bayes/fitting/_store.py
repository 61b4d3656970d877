"""A fit on the disk: draws and findings as arrays and JSON; reading them back executes nothing, the model least of all."""

import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from latlas.bayes.fitting._arviz import to_datatree
from latlas.bayes.fitting._ladder import Rung
from latlas.bayes.targets._coordinates import named_draws
from latlas.bayes.verdict._verdict import Check, Verdict
from latlas.core import CorruptFileError, Estimate, Evidence, RequestError, RunDirectory

KIND = "bayes"
MOST_NUMBERS, MOST_DRAWS, FEWEST_DRAWS = (
    2**22,
    4000,
    100,
)  # draws that are kept: 32 MiB of them, as far as that goes
_POSTERIOR, _REFERENCE = "posterior/", "reference/"
_SHORT = ("engine", "family", "elbo", "log_evidence", "pareto_k", "verdict", "parameters", "seconds")
_PACKAGES = ("latlas", "jax", "numpyro")


@dataclass(frozen=True)
class StoredFit:
    """A fit as it was written: what was found and as many draws as were kept.

    Attributes:
        engine: by which it was fitted.
        family: of the approximation.
        verdict: how far to trust it.
        elbo: evidence lower bound, in nats.
        log_evidence: log p(data) by importance sampling, in nats, with its error.
        pareto_k: tail shape of the importance weights.
        num_evaluations: gradient evaluations.
        seconds: of the fit.
        ladder: what was tried, in order.
        diagnosis: the checks behind the verdict.
        draws: name -> `(draws, ...)`, constrained.
        parameters: what `summary` gives.
        reference: NUTS draws, name -> `(chains, draws, ...)`; None where it was not run.
        config: what was asked for.
    """

    engine: str
    family: str
    verdict: Verdict
    elbo: Estimate
    log_evidence: Evidence
    pareto_k: float
    num_evaluations: int
    seconds: float
    ladder: tuple[Rung, ...]
    diagnosis: tuple[Check, ...]
    draws: dict[str, np.ndarray]
    reference: dict[str, np.ndarray] | None
    parameters: dict[str, dict[str, float]] = field(repr=False)
    config: dict[str, Any] = field(repr=False)

    def sample(self, key: PRNGKeyArray, num_draws: int) -> dict[str, np.ndarray]:
        """So many of the stored draws, each at most once.

        Raises:
            RequestError: if fewer are stored: what was kept cannot draw new ones.
        """
        stored = len(next(iter(self.draws.values())))
        if num_draws > stored:
            raise RequestError(
                f"{num_draws:,} draws were asked for, and {stored:,} are stored. Ask for fewer, or fit the model again."
            )
        rows = np.asarray(jax.random.permutation(key, stored))[:num_draws]
        return {name: array[rows] for name, array in self.draws.items()}

    def summary(self) -> dict[str, dict[str, float]]:
        """mean, sd, q05, q50, q95 and mcse of each entry of each parameter, as the fit gave them."""
        return self.parameters

    def to_dict(self) -> dict[str, Any]:
        """What the fit's own `to_dict` gives: plain values, ready for JSON."""
        found = record_of(self)
        return {name: found[name] for name in _SHORT} | {"log_evidence": found["log_evidence"]["value"]}

    def to_arviz(self, *, reference: bool = False) -> Any:
        """The stored draws as an `xarray.DataTree` with a group `posterior`; ArviZ 0.23 reads it by `arviz.from_datatree`.

        Args:
            reference: those of NUTS instead, in their chains.

        Raises:
            RequestError: if xarray is not installed, or NUTS was not run.
        """
        about = {"engine": self.engine, "family": self.family, "verdict": str(self.verdict)}
        if not reference:
            return to_datatree(self.draws, attrs=about)
        if self.reference is None:
            raise RequestError("This fit has no reference. Fit the model again with reference='nuts'.")
        chains = {name: array.reshape(-1, *array.shape[2:]) for name, array in self.reference.items()}
        return to_datatree(
            chains, num_chains=len(next(iter(self.reference.values()))), attrs={"engine": "nuts"}
        )


def save(
    key: PRNGKeyArray,
    path: str | os.PathLike,
    fit: Any,
    *,
    config: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> RunDirectory:
    """Writes a fit into a run directory: config.json, its draws as model.safetensors, evaluation.json.

    Args:
        key: for the draws that are kept: 4,000, and fewer of models with more than a thousand parameters.
        path: a folder that does not exist or is empty, or with `overwrite` one that holds a run.
        fit: what `fit` gave.
        config: what was asked for, to be kept with it: anything that strict JSON holds.
        overwrite: replace the run that is there.

    Raises:
        RunExistsError: if the folder holds something else, or a run and not `overwrite`.
        WorkError: if it cannot be written.
    """
    record = record_of(fit)
    numbers = max(1, len(record["parameters"]))
    draws = named_draws(fit.sample(key, max(FEWEST_DRAWS, min(MOST_DRAWS, MOST_NUMBERS // numbers))))
    arrays = {_POSTERIOR + name: array for name, array in draws.items()}
    if fit.reference is not None:
        arrays |= {_REFERENCE + name: array for name, array in named_draws(fit.reference).items()}
    versions = {name: version(name) for name in _PACKAGES}
    run = RunDirectory.create(
        path, {"kind": KIND, "versions": versions} | _finite(dict(config or {})), overwrite=overwrite
    )
    with run.lock():
        run.save_model(arrays)
        run.write_evaluation(record)
        run.finish()
    return run


def record_of(fit: Any) -> dict[str, Any]:
    """All that a fit, new or stored, found, as plain values for strict JSON: numbers that are not finite are `None`.

    Returns:
        What `to_dict` gives, and `log_evidence` with its error and weights, the `reasons` of the verdict, the checks
        (`diagnosis`), the `ladder` and `num_evaluations`.
    """
    return _finite(
        {
            "engine": fit.engine,
            "family": fit.family,
            "elbo": asdict(fit.elbo),
            "log_evidence": asdict(fit.log_evidence),
            "pareto_k": fit.pareto_k,
            "verdict": str(fit.verdict),
            "reasons": fit.verdict.reasons,
            "parameters": fit.summary(),
            "diagnosis": [asdict(check) for check in fit.diagnosis],
            "ladder": [asdict(rung) for rung in fit.ladder],
            "num_evaluations": fit.num_evaluations,
            "seconds": fit.seconds,
        }
    )


def load(path: str | os.PathLike | RunDirectory) -> StoredFit:
    """The fit in a run directory; nothing that stands there is executed, and no model is needed.

    Args:
        path: what `save` or `latlas bayes` wrote.

    Raises:
        RequestError: if there is no run, or it holds no Bayesian fit.
        CorruptFileError: if a file is damaged.
    """
    run = path if isinstance(path, RunDirectory) else RunDirectory.open(path)
    if run.config.get("kind") != KIND:
        raise RequestError(f"{run.path} holds no Bayesian fit. Load it with `latlas.load`.")
    arrays, record = run.load_model(), run.read_evaluation()
    try:
        return _fit(record, arrays, run.config)
    except (KeyError, TypeError, AttributeError) as error:
        raise CorruptFileError(
            f"{run.path}/evaluation.json does not describe a Bayesian fit ({error!r}): restore it from a copy, or fit again."
        ) from error


def _fit(record, arrays, config):
    posterior = _under(arrays, _POSTERIOR)
    if not posterior:
        raise KeyError("no draws")
    return StoredFit(
        engine=record["engine"],
        family=record["family"],
        verdict=Verdict(record["verdict"].partition(":")[0], tuple(record["reasons"])),
        elbo=Estimate(**_with_nan(record["elbo"])),
        log_evidence=Evidence(**_with_nan(record["log_evidence"])),
        pareto_k=_number(record["pareto_k"]),
        num_evaluations=record["num_evaluations"],
        seconds=record["seconds"],
        ladder=tuple(map(_rung, record["ladder"])),
        diagnosis=tuple(Check(**_with_nan(check)) for check in record["diagnosis"]),
        draws=posterior,
        reference=_under(arrays, _REFERENCE) or None,
        parameters={name: _with_nan(row) for name, row in record["parameters"].items()},
        config=config,
    )


def _under(arrays, prefix):
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _rung(entry):
    elbo = None if entry["elbo"] is None else Estimate(**_with_nan(entry["elbo"]))
    return Rung(**(entry | {"elbo": elbo}))


def _number(value):
    return math.nan if value is None else float(value)


def _with_nan(row):
    return {name: math.nan if value is None else value for name, value in row.items()}


def _finite(value):
    """For strict JSON: NaN and infinity become null, tuples lists, NumPy's numbers plain ones."""
    if isinstance(value, Mapping):
        return {str(name): _finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
