"""A path of betas on the disk.

PATH/
  rate_distortion.json   the curve, the names of the runs and the digests of their models, sealed; written last, so
                         that its presence says that the path is whole
  beta-0.1/, ...         one ordinary run directory per beta
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latlas.core import (
    CorruptFileError,
    RequestError,
    RunDirectory,
    RunExistsError,
    WorkError,
    checked_path,
    read_json,
    write_json,
)
from latlas.estimators._atlas import Atlas, load
from latlas.evaluation import RateDistortionCurve

CURVE_FILE = "rate_distortion.json"
_FORMAT, _SCHEMA_VERSION = "latlas path", 1
_RUN_NAME = re.compile(r"beta-[0-9.]{1,40}")


def run_name(beta: float) -> str:
    """The folder of a beta's run.

    >>> run_name(0.1), run_name(10.0), run_name(1e-5)
    ('beta-0.1', 'beta-10', 'beta-0.00001')
    """
    return f"beta-{np.format_float_positional(beta, trim='-')}"


def check_place(path: str | os.PathLike, *, overwrite: bool) -> None:
    """Refuses a place where a path cannot be written, before it is fitted.

    Raises:
        RunExistsError: if something else is there, or a path and not `overwrite`.
    """
    path = checked_path(path)
    if path.exists() and not path.is_dir():
        raise RunExistsError(f"{path} is a file, not a folder. Choose another place.")
    if not path.is_dir() or not os.listdir(path):
        return
    if _is_half_written(path):
        if not overwrite:
            raise RunExistsError(
                f"{path} holds runs of a path of betas that was not written to its end. Give --overwrite, or choose another "
                "place."
            )
        return
    try:
        _stored(path)
    except (RequestError, CorruptFileError) as error:
        raise RunExistsError(
            f"{path} is not empty and holds no path of betas that latlas wrote, so nothing in it was touched. Choose "
            "another place, or remove the folder yourself."
        ) from error
    if not overwrite:
        raise RunExistsError(f"{path} holds a path of betas. Choose another place, or give --overwrite.")


def write_path(
    path: str | os.PathLike, atlases: Sequence[Atlas], curve: RateDistortionCurve, *, overwrite: bool
) -> None:
    """Writes every atlas and, last, the curve.

    Raises:
        RunExistsError: if something else is there, or a path and not `overwrite`.
        WorkError: if the folder cannot be made.
    """
    path = checked_path(path)
    check_place(path, overwrite=overwrite)
    names = [run_name(beta) for beta in curve.betas]
    try:
        path.mkdir(parents=True, exist_ok=True)
        if (path / CURVE_FILE).exists():
            before = _stored(path)["runs"]
            (path / CURVE_FILE).unlink()
            for name in set(before) - set(names):
                _remove_run(path / name)
    except OSError as error:
        raise WorkError(
            f"The folder {path} could not be written ({os.strerror(error.errno or 0)}). Check the path and its permissions."
        ) from error
    for name, atlas in zip(names, atlases, strict=True):
        atlas.save(path / name, overwrite=overwrite)
    head = {"format": _FORMAT, "schema_version": _SCHEMA_VERSION}
    models = [RunDirectory.open(path / name).model_digest for name in names]
    write_json(path / CURVE_FILE, head | {"runs": names, "models": models, "curve": curve.to_dict()})


def read_path(path: str | os.PathLike) -> tuple[list[Atlas], RateDistortionCurve]:
    """The atlases and the curve of a path.

    Raises:
        RequestError: if no path is there.
        CorruptFileError: if a file is damaged, or a run is another than the one that the curve was measured on.
    """
    path = checked_path(path)
    stored = _stored(path)
    try:
        curve = RateDistortionCurve.from_dict(stored["curve"])
    except (TypeError, ValueError) as error:
        raise CorruptFileError(f"{path / CURVE_FILE} does not describe a curve ({error}).") from error
    if len(stored["runs"]) != len(curve.betas):
        raise CorruptFileError(
            f"{path / CURVE_FILE} names {len(stored['runs'])} runs for {len(curve.betas)} betas."
        )
    atlases = [load(path / name) for name in stored["runs"]]
    for name, model in zip(stored["runs"], stored["models"], strict=False):
        if RunDirectory.open(path / name).model_digest != model:
            raise CorruptFileError(
                f"{path / name} holds another model than the one that {path / CURVE_FILE} was measured on: it was "
                "replaced or trained further. Put the run back, or fit the path again."
            )
    return atlases, curve


def _stored(path: Path) -> dict[str, Any]:
    file = path / CURVE_FILE
    if not file.is_file():
        raise RequestError(f"{path} holds no path of betas: it has no {CURVE_FILE}. Check the path.")
    stored = read_json(file)
    runs, version = stored.get("runs"), stored.get("schema_version")
    if isinstance(version, int) and version > _SCHEMA_VERSION:
        raise RequestError(f"{file} was made by a newer latlas (schema {version}). Update latlas.")
    named = isinstance(runs, list) and all(
        isinstance(name, str) and _RUN_NAME.fullmatch(name) for name in runs
    )
    models = stored.setdefault("models", [])  # a path of an older latlas does not say which models it has
    if (
        stored.get("format") != _FORMAT
        or version != _SCHEMA_VERSION
        or not (named and runs and isinstance(models, list))
    ):
        raise CorruptFileError(
            f"{file} is not the curve of a path of betas that latlas wrote. Check the path."
        )
    return stored


def _is_half_written(path: Path) -> bool:
    """Whether nothing is there but runs of a path, without the curve that is written last."""
    names = os.listdir(path)
    return all(_RUN_NAME.fullmatch(name) and (path / name / "config.json").is_file() for name in names)


def _remove_run(path: Path) -> None:
    """Removes the files of a run, and its folder where nothing else is in it."""
    if not (path / "config.json").exists():
        return
    RunDirectory.create(path, {"estimator": "removed"}, overwrite=True)
    for name in ("config.json", ".lock"):
        (path / name).unlink(missing_ok=True)
    for folder in (path / "state", path):
        if folder.is_dir() and not os.listdir(folder):
            folder.rmdir()
