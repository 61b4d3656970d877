"""A fit on the disk: draws and findings as arrays and JSON; reading them back executes nothing, the model least of all."""

import math
import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from jaxtyping import PRNGKeyArray

from latlas.bayes.fitting._findings import Stored, num_kept
from latlas.bayes.fitting._ladder import Rung
from latlas.bayes.fitting._result import Fit, plain, record_of
from latlas.bayes.targets._coordinates import named_draws
from latlas.bayes.verdict._verdict import Check, Verdict, covered
from latlas.core import (
    CorruptFileError,
    Estimate,
    Evidence,
    RequestError,
    RunDirectory,
    checked_fields,
    list_of,
    number_or_nan,
    text,
)

KIND = "bayes"
_POSTERIOR, _REFERENCE = "posterior/", "reference/"
_PACKAGES = ("latlas", "jax", "numpyro")


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
    draws = named_draws(fit.sample(key, num_kept(len(record["parameters"]))))
    arrays = {_POSTERIOR + name: array for name, array in draws.items()}
    if fit.reference is not None:
        arrays |= {_REFERENCE + name: array for name, array in named_draws(fit.reference).items()}
    versions = {name: version(name) for name in _PACKAGES}
    run = RunDirectory.create(
        path, {"kind": KIND, "versions": versions} | plain(dict(config or {})), overwrite=overwrite
    )
    with run.lock():
        run.save_model(arrays, kind="draws")
        run.write_evaluation(record)
        run.finish()
    return run


def load(path: str | os.PathLike | RunDirectory) -> Fit:
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
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptFileError(
            f"{run.path}/evaluation.json does not describe a Bayesian fit ({error!r}): restore it from a copy, or fit again."
        ) from error


def _fit(record, arrays, config):
    checked_fields(record, {"engine": text, "reasons": list_of(text)})
    posterior = _under(arrays, _POSTERIOR)
    if not posterior:
        raise KeyError("no draws")
    checks = tuple(Check(**_with_nan(check)) for check in record["diagnosis"])
    kind = record["verdict"].partition(":")[0]
    findings = Stored(
        verdict=Verdict(kind, tuple(record["reasons"]), covered(checks)),
        diagnosis=checks,
        elbo=Estimate.from_dict(record["elbo"]),
        log_evidence=Evidence.from_dict(record["log_evidence"]),
        pareto_k=number_or_nan(record["pareto_k"]),
        num_evaluations=record["num_evaluations"],
        draws=posterior,
        parameters={name: _with_nan(row) for name, row in record["parameters"].items()},
    )
    return Fit(
        engine=record["engine"],
        family=record["family"],
        ladder=tuple(map(_rung, record["ladder"])),
        seconds=record["seconds"],
        reference=_under(arrays, _REFERENCE) or None,
        findings=findings,
        config=config,
    )


def _under(arrays, prefix):
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _rung(entry):
    elbo = None if entry["elbo"] is None else Estimate.from_dict(entry["elbo"])
    return Rung(**(entry | {"elbo": elbo}))


def _with_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in row.items()}
