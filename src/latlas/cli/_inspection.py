"""What `inspect` finds in a run: its settings, and all that is wrong with its files."""

from collections.abc import Mapping
from typing import Any

from latlas import bayes
from latlas.cli._bayes import checked_config
from latlas.core import LatlasError, RunDirectory
from latlas.estimators import load, read_config

_BAYES, _ATLAS = "bayes", "Atlas"  # whose run it is


def inspected(run: RunDirectory) -> dict[str, Any]:
    """What a run directory holds, and what is wrong with it.

    Files that prove themselves may still not go together, so that a run without a problem is loaded as every other verb
    loads it: its arrays have the shapes that its configuration asks for, or that is a problem.
    """
    config = run.config
    problems = run.verify()
    if not problems:
        problems = _not_loaded(run)
    found = {
        "run": str(run.path),
        "finished": run.finished,
        "likelihood": _text(config.get("model"), "likelihood"),
        "likelihood_reason": _text(config, "likelihood_reason"),
        "config": config,
        "problems": problems,
    }
    if not problems:
        arrays = run.load_model() if run.finished else {}
        found["arrays"] = {name: [str(a.dtype), list(a.shape)] for name, a in arrays.items()}
        found["evaluation"] = run.read_evaluation()
        found["reports"] = len(run.read_metrics())
    return found


def _not_loaded(run: RunDirectory) -> list[str]:
    config = run.config
    try:
        if config.get("kind") == _BAYES:
            checked_config(run)
            bayes.load(run)
        elif run.finished:
            load(run)
        elif config.get("estimator") == _ATLAS:
            read_config(run)
    except LatlasError as error:
        return [str(error)]
    return []


def _text(values: Any, name: str) -> str | None:
    """An entry of a file's object, if it is text."""
    value = values.get(name) if isinstance(values, Mapping) else None
    return value if isinstance(value, str) else None
