"""The verb `bayes`: a model and its data to a run directory with draws, a verdict and a page."""

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax.random as jr
from rich.console import Console
from rich.markup import escape

from latlas import bayes
from latlas.bayes.fitting import record_of
from latlas.cli._model_file import blamed, load_model, split_name
from latlas.cli._session import verb
from latlas.cli._words_bayes import fitted
from latlas.core import (
    CorruptFileError,
    RequestError,
    RunDirectory,
    RunExistsError,
    checked_fields,
    mapping,
    mapping_of,
    optional,
    text,
    whole_number,
)
from latlas.data import read_named
from latlas.report import RunDetails, collect_bayes, predictive_checks, render_bayes

PRINTED = ("engine", "family", "elbo", "log_evidence", "pareto_k", "verdict", "parameters", "seconds")


@verb
def fit(
    model: str,
    data: Path | None,
    *,
    out: Path,
    engine: str,
    family: str | None,
    reference: str | None,
    tolerance: float,
    seed: int,
    overwrite: bool,
    show: bool,
) -> dict[str, Any]:
    """Fit a model to data, and write the run."""
    if not 0 < tolerance <= 1:
        raise RequestError(
            f"--tolerance is {tolerance:g}; expected posterior standard deviations above 0 and up to 1, such as 0.1."
        )
    path, name = split_name(model)
    _check_place(out, overwrite=overwrite)
    values = {} if data is None else read_named(data)
    print(f"latlas: executing {path}. Name only model files that you trust.", file=sys.stderr)
    found = load_model(path, name)
    options = {"engine": engine, "family": family, "reference": reference, "tolerance": tolerance}
    key, save_key = jr.split(jr.key(seed))
    with _rungs() as told, blamed(path):
        fitted_model = bayes.fit(found, values, key=key, progress=told, **options)
        record = record_of(fitted_model)
        config = {
            "model": model,
            "parameters": options | {"seed": seed},
            "sources": _fingerprints(path, data),
        }
        run = bayes.save(save_key, out, fitted_model, config=config, overwrite=overwrite)
        # a stored fit has no model to make replicates with
        predictive = predictive_checks(jr.fold_in(save_key, 1), fitted_model)
        with run.lock():
            run.write_evaluation((run.read_evaluation() or {}) | {"predictive": predictive})
    page = write_page(run)
    if show:
        print(fitted(record, out, page))
    return {entry: record[entry] for entry in PRINTED} | {"log_evidence": record["log_evidence"]["value"]}


def write_page(run: RunDirectory) -> Path:
    """The page of a stored fit; it is what the run holds that is shown."""
    stored, config = bayes.load(run), checked_config(run)
    options, model = config["parameters"], config["model"]
    about = {
        name: value
        for name, value in {"model": model, "files": ", ".join(config["sources"])}.items()
        if value
    }
    page = collect_bayes(
        jr.key(options.get("seed", 0)),
        stored,
        title=(model or run.path.name).rpartition(":")[2],
        run=RunDetails(str(run.path), options=about | options, versions=config["versions"]),
        predictive=(run.read_evaluation() or {}).get("predictive", {}),
    )
    with run.lock():
        return run.write_report(render_bayes(page))


# what `fit` writes of a run; `bayes.save` in Python may leave all of it out
_NOTHING = {"model": None, "parameters": {}, "sources": {}, "versions": {}}
_FIELDS = {"model": optional(text), "parameters": mapping, "sources": mapping, "versions": mapping_of(text)}
_SEED = {"parameters.seed": whole_number(-(2**63), 2**63 - 1)}


def checked_config(run: RunDirectory) -> dict[str, Any]:
    """What was asked for in a run of `latlas bayes`, each field of its kind.

    Raises:
        CorruptFileError: naming the field that is wrong.
    """
    try:
        config = checked_fields(_NOTHING | run.config, _FIELDS)
        checked_fields({"parameters.seed": config["parameters"].get("seed", 0)}, _SEED)
    except ValueError as error:
        raise CorruptFileError(
            f"{run.path}/config.json does not describe a Bayesian fit ({error}): restore it from a copy, or fit again."
        ) from error
    return config


def _check_place(out: Path, *, overwrite: bool) -> None:
    """Before the work, what `save` will find after it.

    Raises:
        RunExistsError: if the place is taken.
    """
    if out.is_file():
        raise RunExistsError(f"{out} is a file, not a folder. Choose another place.")
    taken = out.is_dir() and any(not entry.name.startswith(".") for entry in out.iterdir())
    if taken and not (out / "config.json").is_file():
        raise RunExistsError(
            f"{out} is not empty and not a run that latlas wrote. Choose another place, or remove the folder yourself."
        )
    if taken and not overwrite:
        raise RunExistsError(f"{out} holds a run. Choose another place, or give --overwrite.")


def _fingerprints(*paths: Path | None) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path is not None}


@contextmanager
def _rungs() -> Iterator[Callable[[Any], None]]:
    """A function of each rung of the ladder, to be called when it is done; it writes to standard error."""
    if not sys.stderr.isatty():
        yield lambda rung: print(rung, file=sys.stderr, flush=True)
        return
    console = Console(stderr=True)
    with console.status("looking for modes") as status:

        def tell(rung: Any) -> None:
            console.print(
                f"[bold]{escape(rung.engine)}[/bold] {escape(str(rung).removeprefix(rung.engine).strip())}"
            )
            status.update("checking, and trying the next engine where that fails")

        yield tell
