"""A fit and its run directory: begun, resumed, saved."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from latlas.core import RequestError, RunDirectory, RunExistsError, checked_path
from latlas.estimators._plan import Plan
from latlas.estimators._record import FitRecord, read_config, read_record
from latlas.evaluation.cure import NO_TREATMENTS

Place = RunDirectory | str | os.PathLike | None
# what may differ between a run and the call that resumes it: it changes nothing that is computed
_FREE = ("versions", "feature_names")
_FREE_OPTIONS = ("verbose", "random_state")
_OF_LENGTH = ("epochs", "patience")


def begun(
    plan: Plan, run: Place, *, resume: bool, overwrite: bool = False
) -> tuple[Plan, RunDirectory | None, FitRecord | None]:
    """The run directory of a fit, its configuration written; with `resume` the run that is there.

    Returns:
        The plan (with the seed of the run that it resumes), the run, and the record where the run is finished already.

    Raises:
        RunExistsError: if a run is there and not `resume`.
        RequestError: if the run to be resumed asked for something else.
        CorruptFileError: if what it asked for is damaged.
    """
    if run is None:
        if resume:
            raise RequestError(
                "There is nothing to resume without a run directory: give run=, or leave resume out."
            )
        return plan, None, None
    directory = _directory(plan, run, resume=resume, overwrite=overwrite)
    with directory.lock():  # nothing of a run that another process trains is touched
        return _taken(plan, directory, resume=resume)


def _taken(
    plan: Plan, directory: RunDirectory, *, resume: bool
) -> tuple[Plan, RunDirectory, FitRecord | None]:
    stored = directory.config
    begun_before = stored.get("estimator") == "Atlas"
    if begun_before and not resume and (directory.finished or directory.latest_state() is not None):
        raise RunExistsError(f"{directory.path} holds a run: resume it, or choose another place.")
    if not (begun_before and resume):
        directory.write_config(plan.config)
        if directory.read_treatments() is not None:  # of another fit, killed before its first checkpoint
            directory.write_treatments(NO_TREATMENTS)
        return plan, directory, None
    stored = read_config(directory)
    if plan.options["random_state"] is None:
        plan = replace(plan, seed=stored["seed"])
    further = _goes_further(plan, directory, stored)
    _check_same(directory.path, stored, plan.config, further=further)
    if further:
        directory.reopen()
        directory.write_config(plan.config)
    return plan, directory, read_record(directory) if directory.finished else None


def _goes_further(plan: Plan, directory: RunDirectory, stored: dict[str, Any]) -> bool:
    """Whether a finished run is asked for more epochs than it was begun with.

    Raises:
        RequestError: if what it did cannot be gone on with.
    """
    before, epochs = stored["parameters"], plan.options["epochs"]
    if not directory.finished or epochs is None or epochs == before.get("epochs"):
        return False
    if before.get("cure") or before.get("max_error"):
        raise RequestError(
            f"The run {directory.path} was begun with epochs={before.get('epochs')}, and was treated or constrained: such a "
            "fit cannot be trained further. Start another run with more epochs."
        )
    done = read_record(directory).history
    return bool(done) and epochs > round(done[-1]["epoch"])


def saved(
    record: FitRecord, config: dict[str, Any], path: str | os.PathLike, *, overwrite: bool
) -> RunDirectory:
    """A run directory with a fitted model and its history, finished."""
    run = RunDirectory.create(path, config, overwrite=overwrite)
    with run.lock():
        for line in record.history:
            run.append_metrics(line)
        if record.treatments is not None:
            run.write_treatments(NO_TREATMENTS | {"treatments": record.treatments})
        run.save_model(record.all_arrays())
        run.finish()
    return run


def _directory(
    plan: Plan, run: RunDirectory | str | os.PathLike, *, resume: bool, overwrite: bool
) -> RunDirectory:
    if isinstance(run, RunDirectory):
        return run
    if resume and (checked_path(run) / "config.json").exists():
        return RunDirectory.open(run)
    return RunDirectory.create(run, plan.config, overwrite=overwrite)


def _check_same(path: Path, stored: dict[str, Any], asked: dict[str, Any], *, further: bool) -> None:
    """Refuses to resume a run with other data or options, but for the length of one that is trained further.

    Raises:
        RequestError: naming the first difference.
    """
    if stored["data"]["fingerprint"] != asked["data"]["fingerprint"]:
        raise RequestError(
            f"The run {path} was begun with other data ({_other(stored['data'], asked['data'])}): give it the same "
            "data, or start another run."
        )
    before, now = stored["parameters"], asked["parameters"]
    for name in sorted(set(before) | set(now)):
        free = (*_FREE_OPTIONS, *_OF_LENGTH) if further else _FREE_OPTIONS
        if name not in free and before.get(name) != now.get(name):
            raise RequestError(
                f"The run {path} was begun with {name}={before.get(name)!r}, and now {now.get(name)!r} is asked for: "
                "resume it with the same options, or start another run."
            )
    for name in sorted(set(stored) | set(asked)):
        if name not in (*_FREE, "parameters") and stored.get(name) != asked.get(name):
            raise RequestError(
                f"The run {path} was begun with another {name}, so resuming would not give the same result: "
                "resume it with the same options and version, or start another run."
            )


def _other(before: dict[str, Any], now: dict[str, Any]) -> str:
    """In what data differ whose fingerprints do."""
    for name, word in (("shape", "shape"), ("dtype", "type")):
        if before.get(name) != now[name]:
            return f"{word} {before.get(name)}, here {now[name]}"
    return f"the same shape {now['shape']}, but other values or another order of them"
