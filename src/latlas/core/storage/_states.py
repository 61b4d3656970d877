"""The checkpoints of a run: one file each, named by its step and the beginning of its digest."""

import os
import re
from pathlib import Path

import numpy as np

from latlas.core._errors import CorruptFileError
from latlas.core.storage._arrays import read_arrays

STATE_NAME = re.compile(r"step-(\d{1,15})-([0-9a-f]{16})\.safetensors")


def state_folder(run: Path) -> Path:
    """Where a run keeps its checkpoints.

    Raises:
        CorruptFileError: if a link or a file stands there.
    """
    folder = run / "state"
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise CorruptFileError(f"{folder} is a link or a file. Put the folder itself there.")
    return folder


def states_in(run: Path) -> list[tuple[int, Path]]:
    """Step and path of every checkpoint, by their names alone."""
    folder = state_folder(run)
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        names = []
    matches = [match for match in map(STATE_NAME.fullmatch, names) if match]
    return [(int(match[1]), folder / match[0]) for match in matches]


def read_state(step: int, path: Path) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint.

    Raises:
        RequestError: if it is not there any more.
        CorruptFileError: if it is damaged or was renamed.
    """
    arrays, metadata = read_arrays(path)
    return of_kind(path, arrays, metadata, {"kind": "step", "step": step})


def of_kind(path: Path, arrays: dict, metadata: dict, expected: dict) -> dict[str, np.ndarray]:
    """The arrays of a file that says of itself what is expected.

    Raises:
        CorruptFileError: if it says something else.
    """
    if metadata != expected:
        raise CorruptFileError(f"{path} was renamed: it holds {metadata}, where {expected} was expected.")
    return arrays
