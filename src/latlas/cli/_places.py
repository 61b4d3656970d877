"""What can be told of a request by its paths alone: a refusal then takes no longer than Python's start.

Nothing here may import JAX. What is refused here is refused by the layers below as well, which do not trust anybody.
"""

import json
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# as `latlas.data` has them, which takes seconds to load; a test holds both against each other
TABLES = (".csv", ".csv.gz", ".npy", ".npz")
NAMED_VALUES = (".csv", ".csv.gz", ".json", ".npz")
ARRAYS = (".npy", ".npz", ".csv")
PICTURES = (".png", ".svg")

_CONFIG, _CURVE = "config.json", "rate_distortion.json"
_CONFIG_BYTES = 2**20
_BAYES = "bayes"  # the kind of run that `latlas bayes` writes


class PlaceError(ValueError):
    """A path that the request names cannot be used."""


def check_places(verb: str, given: Mapping[str, Any]) -> None:
    """Refuses a request whose files are not there, or whose results have no place.

    Args:
        verb: its name.
        given: the options that were given, by name.

    Raises:
        PlaceError: in a sentence that names the path.
    """
    for value in given.values():
        if isinstance(value, Path | str):
            check_text(str(value))
    for check in _CHECKS.get(verb, ()):
        check(given)


def check_text(argument: str) -> None:
    """Refuses what is no text: it could stand in no report and in no message.

    Raises:
        PlaceError: if there is a byte in it that is not UTF-8.
    """
    try:
        argument.encode()
    except UnicodeEncodeError as error:
        raise PlaceError(
            f"The argument {argument!a} holds a byte that is not UTF-8. Rename the file, or give another name."
        ) from error


# --- files that are read


def _run(given: Mapping[str, Any]) -> None:
    run = given["run"]
    if not run.is_dir():
        raise PlaceError(f"There is no run directory {run}. Check the path, or run `latlas fit`.")
    if not _is_there(run / _CONFIG):
        if _is_there(run / _CURVE):
            raise PlaceError(f"{run} holds a path of betas. Name one of its runs, such as {run / 'beta-1'}.")
        raise PlaceError(f"{run} is no run directory: it has no {_CONFIG}. Check the path.")


def _atlas_run(given: Mapping[str, Any]) -> None:
    """A run that is no Bayesian fit, as far as its configuration can be read."""
    _run(given)
    run = given["run"]
    try:
        with (run / _CONFIG).open("rb") as file:
            stored = json.loads(file.read(_CONFIG_BYTES))
        kind = stored["config"].get("kind")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return  # damaged: what opens it says how
    if kind == _BAYES:
        raise PlaceError(
            f"{run} is not one of an Atlas: it holds a Bayesian fit. `latlas report {run}` and `latlas inspect {run}` take "
            f"it; its draws are those of `latlas.bayes.load({str(run)!r})`."
        )


def _table(name: str) -> Callable[[Mapping[str, Any]], None]:
    return lambda given: _readable(given.get(name), TABLES)


def _values(given: Mapping[str, Any]) -> None:
    _readable(given.get("data"), NAMED_VALUES)


def _readable(path: Path | None, suffixes: tuple[str, ...]) -> None:
    if path is None:
        return
    if not path.name.lower().endswith(suffixes):
        raise PlaceError(
            f"{path} has no suffix that latlas can read: give it a file that ends in {', '.join(suffixes)}."
        )
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise PlaceError(f"There is no file {path}: check the path.") from error
    if stat.S_ISDIR(status.st_mode):
        raise PlaceError(f"{path} is a folder: name a file in it that ends in {', '.join(suffixes)}.")
    if stat.S_ISREG(status.st_mode) and not status.st_size:
        raise PlaceError(f"{path} is empty (0 bytes): write it again.")


def _model(given: Mapping[str, Any]) -> None:
    path, colon, name = given["model"].rpartition(":")
    if colon and name.isidentifier() and path.endswith(".py") and not Path(path).is_file():
        raise PlaceError(f"There is no model file {path}. Check the path.")


# --- places where results go


def _new_run(given: Mapping[str, Any]) -> None:
    """A folder for a run, or with `betas` for a path of them."""
    out, overwrite, resume = given.get("out"), given.get("overwrite", False), given.get("resume", False)
    if out is None:
        out = Path("runs/demo")
    what, mark = ("a path of betas", _CURVE) if given.get("betas") is not None else ("a run", _CONFIG)
    if resume and mark == _CONFIG and not overwrite:
        if not _is_there(out / _CONFIG):
            raise PlaceError(f"There is no run {out} to resume. Leave --resume out to start one.")
        return
    if out.is_file():
        raise PlaceError(f"{out} is a file, not a folder. Choose another place.")
    if not out.is_dir() or not any(map(_counts, out.iterdir())):
        return
    if not _is_there(out / mark):
        raise PlaceError(
            f"{out} is not empty and holds no {what.removeprefix('a ')} that latlas wrote, so nothing in it was touched. "
            "Choose another place, or remove the folder yourself."
        )
    if not overwrite:
        resumes = "data" in given and "model" not in given and mark == _CONFIG
        going_on = "--resume to go on with it, or " if resumes else ""
        raise PlaceError(f"{out} holds {what}. Choose another place, or give {going_on}--overwrite.")


def _new_file(*suffixes: str) -> Callable[[Mapping[str, Any]], None]:
    def check(given: Mapping[str, Any]) -> None:
        out = given["out"]
        check_free(out, overwrite=given.get("overwrite", False))
        if out.suffix not in suffixes:
            names = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
            raise PlaceError(f"{out} must end in {names}, which says what to write.")

    return check


def check_free(out: Path, *, overwrite: bool) -> None:
    """Refuses to replace a file that was not asked to be replaced.

    Raises:
        PlaceError: if the file is there, or its folder is not.
    """
    if out.is_dir():
        raise PlaceError(f"{out} is a folder, and a file is to be written. Name the file.")
    if _is_there(out) and not overwrite:
        raise PlaceError(f"{out} is there already. Choose another name, or add --overwrite.")
    if not out.parent.is_dir():
        raise PlaceError(
            f"The folder {out.parent} for {out.name} does not exist. Make it, or choose another."
        )


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _counts(path: Path) -> bool:
    return path.name != ".lock" and not path.name.endswith(".latlas-tmp")


_CHECKS: dict[str, tuple[Callable[[Mapping[str, Any]], None], ...]] = {
    "demo": (_new_run,),
    "fit": (_table("data"), _new_run),
    "evaluate": (_atlas_run, _table("data")),
    "diagnose": (_atlas_run, _table("data"), _table("train")),
    "report": (_run, _table("data")),
    "sample": (_atlas_run, _new_file(*PICTURES, *ARRAYS)),
    "encode": (_atlas_run, _table("data"), _new_file(*ARRAYS)),
    "decode": (_atlas_run, _table("latents"), _new_file(*ARRAYS)),
    "bayes": (_model, _values, _new_run),
    "inspect": (_run,),
}
