"""The run directory: everything a run asked for, learned and found, in files that prove themselves.

    RUN/
      config.json                       what was asked for; its presence makes the folder a run
      model.safetensors                 parameters
      state/step-N-DIGEST.safetensors   the last checkpoints
      metrics.jsonl                     one line per reporting interval
      evaluation.json                   what an evaluation found
      treatments.json, attempts/N/      what a cured fit did, and its further attempts, each a run
      report.html                       self-contained

Each file carries its own SHA-256 (arrays at the head, text at the end, each metrics line chained to the one
before), so any flipped bit and any truncation is seen and named. The one damage a line's own seal cannot
show, a metrics file cut at a line's end, is seen by the number of lines that `finish` writes into
config.json. Reading a run calls no JAX and runs no code.
"""

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latlas.core._errors import CorruptFileError, LatlasError, RequestError, RunExistsError, WorkError
from latlas.core.storage._arrays import pack_arrays, read_arrays, write_arrays
from latlas.core.storage._files import TEMPORARY_SUFFIX, read_limited, remove_litter, write_atomically
from latlas.core.storage._history import History, append_record, read_history, truncate_history
from latlas.core.storage._json import read_json, seal, unseal, write_json
from latlas.core.storage._lock import exclusive_lock

SCHEMA_VERSION = 1

Arrays = Mapping[str, np.ndarray | np.generic]

_FORMAT = "latlas run"
_FILES = ("model.safetensors", "metrics.jsonl", "evaluation.json", "treatments.json", "report.html")
_STATE_NAME = re.compile(r"step-(\d{1,15})-([0-9a-f]{16})\.safetensors")
_REPORT_SEAL = (b"\n<!-- sha256:", b" -->\n")
_MAX_REPORT_BYTES = 2**28

_logger = logging.getLogger("latlas")


@dataclass(frozen=True)
class RunDirectory:
    """A folder that holds one run; made by `create`, found again by `open`.

    Attributes:
        path: the folder.
    """

    path: Path

    @classmethod
    def create(
        cls, path: str | os.PathLike, config: Mapping[str, Any], *, overwrite: bool = False
    ) -> "RunDirectory":
        """A new run directory, with its configuration.

        Args:
            path: a folder that does not exist or is empty, or with `overwrite` one that holds a run.
            config: what was asked for: anything that strict JSON holds.
            overwrite: remove the files of the run that is there. Files that latlas did not write and those under
                `attempts/` are left alone, and a folder that is no run is never touched.

        Raises:
            RunExistsError: if the folder holds something else, or a run and not `overwrite`.
            RunInUseError: if a process is writing to the run to be overwritten.
            WorkError: if the folder cannot be made.
        """
        run = cls(Path(path))
        try:
            run.path.mkdir(parents=True, exist_ok=True)
            taken = [name for name in os.listdir(run.path) if not _is_bookkeeping(name)]
        except FileExistsError as error:
            raise RunExistsError(f"{path} is a file, not a folder. Choose another place.") from error
        except OSError as error:
            raise WorkError(
                f"The folder {path} could not be made ({os.strerror(error.errno or 0)}). Check the path and "
                f"its permissions."
            ) from error
        if taken:
            run._check_replaceable(overwrite)
        with run.lock():
            if taken:
                run._clear()
            run._write_config(dict(config), history=None)
        return run

    @classmethod
    def open(cls, path: str | os.PathLike) -> "RunDirectory":
        """The run in a folder, its configuration checked.

        Raises:
            RequestError: if there is no run, or a newer latlas made it.
            CorruptFileError: if config.json is damaged.
        """
        run = cls(Path(path))
        if not run.path.is_dir():
            raise RequestError(f"There is no run directory {path}. Check the path, or run `latlas fit`.")
        run._read_config()
        return run

    # --- what was asked for
    # ---------------------------------------------------------------------------------------

    @property
    def config(self) -> dict[str, Any]:
        """What was asked for, as it was given to `create` or `write_config`."""
        return self._read_config()["config"]

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Replaces the configuration."""
        self._write_config(dict(config), self._read_config()["history"])

    @property
    def finished(self) -> bool:
        """Whether `finish` was called, and the history was not cut since."""
        return self._read_config()["history"] is not None

    def finish(self) -> None:
        """Marks the run as finished: from now on all metrics so far must be there, and a model."""
        history = read_history(self.path / "metrics.jsonl")
        if history.torn:
            raise CorruptFileError(f"{self.path}/metrics.jsonl ends in a torn line; resume the run.")
        self._write_config(self.config, {"lines": len(history.lines), "sha256": history.sha256})

    # --- what was learned
    # -----------------------------------------------------------------------------------------

    def save_model(self, arrays: Arrays) -> None:
        """Writes model.safetensors, replacing the one before in one stroke."""
        write_arrays(self.path / "model.safetensors", arrays, {"kind": "model"})

    def load_model(self) -> dict[str, np.ndarray]:
        """The parameters, by name.

        Raises:
            RequestError: if there is no model yet.
            CorruptFileError: if the file is damaged.
        """
        path = self.path / "model.safetensors"
        if not os.path.lexists(path):
            raise RequestError(f"The run {self.path} has no model yet. Finish it with `--resume`.")
        arrays, metadata = read_arrays(path)
        return _of_kind(path, arrays, metadata, {"kind": "model"})

    def save_state(self, step: int, arrays: Arrays, *, keep: int = 2) -> None:
        """Writes a checkpoint, then removes all but the last `keep`.

        Append the metrics of `step` before: then a checkpoint on the disk has all of its history on the disk.
        """
        folder = self._state_folder()
        data, sealed = pack_arrays(arrays, {"kind": "step", "step": int(step)})
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise WorkError(f"{folder} could not be made ({os.strerror(error.errno or 0)}).") from error
        write_atomically(folder / f"step-{int(step)}-{sealed[:16]}.safetensors", data)
        steps = {found for found, _ in self._states() if found <= step}
        oldest = sorted(steps)[-keep:][0]
        for found, path in self._states():
            if found < oldest:
                path.unlink(missing_ok=True)

    def latest_state(self) -> tuple[int, dict[str, np.ndarray]] | None:
        """Step and arrays of the newest checkpoint that verifies; `None` if there is none at all.

        One that does not verify is skipped with a warning that names it.

        Raises:
            CorruptFileError: if there are checkpoints, and not one verifies.
        """
        states = self._states()
        for state in sorted(states, reverse=True):
            try:
                return state[0], _read_state(*state)
            except (CorruptFileError, WorkError) as error:
                _logger.warning("Skipped a checkpoint: %s", error)
        if states:
            raise CorruptFileError(
                f"None of the {len(states)} checkpoints in {self._state_folder()} verifies. Restore one "
                "from a copy, or start the run again with --overwrite."
            )
        return None

    # --- what was measured
    # ----------------------------------------------------------------------------------------

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """Appends a line to metrics.jsonl; `record` has an integer `step`; nan and infinity become null."""
        append_record(self.path / "metrics.jsonl", record)

    def read_metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; a torn last line of an unfinished run is left out with a warning.

        Raises:
            CorruptFileError: if a line is damaged, or lines of a finished run are missing.
        """
        return self._history().records

    def truncate_metrics(self, step: int) -> None:
        """Drops the lines past `step`, and a torn one, so that a run resumed from there writes them again."""
        stored = self._read_config()
        if stored["history"] is not None:
            # first: a kill in between must not leave lines missing
            self._write_config(stored["config"], None)
        truncate_history(self.path / "metrics.jsonl", step)

    def write_evaluation(self, evaluation: Mapping[str, Any]) -> None:
        """Writes evaluation.json."""
        self._write_part("evaluation", evaluation)

    def read_evaluation(self) -> dict[str, Any] | None:
        """What `write_evaluation` wrote; `None` if the run was not evaluated yet."""
        return self._read_part("evaluation")

    def write_treatments(self, treatments: Mapping[str, Any]) -> None:
        """Writes treatments.json."""
        self._write_part("treatments", treatments)

    def read_treatments(self) -> dict[str, Any] | None:
        """What `write_treatments` wrote; `None` if the run was fitted without a cure."""
        return self._read_part("treatments")

    def write_report(self, html: str) -> Path:
        """Writes report.html, sealed by a comment at its end, and returns its path."""
        path = self.path / "report.html"
        write_atomically(path, seal(html.encode("utf-8"), _REPORT_SEAL))
        return path

    def read_report(self) -> str | None:
        """The HTML that `write_report` wrote; `None` if there is none."""
        path = self.path / "report.html"
        if not os.path.lexists(path):
            return None
        html = unseal(read_limited(path, _MAX_REPORT_BYTES), _REPORT_SEAL, str(path))
        return html.decode("utf-8", errors="replace")

    # --- the whole
    # ------------------------------------------------------------------------------------------------

    def verify(self) -> list[str]:
        """Reads every file, also of attempts, and says what is wrong, a sentence per problem; empty if all is well."""
        checks = [self._read_config, self._history, self.read_evaluation, self.read_report, self._states]
        checks.append(self.read_treatments)
        problems = [_problem(check) for check in checks]
        if problems[0]:  # without a configuration each metrics line still proves itself
            problems.append(_problem(lambda: read_history(self.path / "metrics.jsonl")))
        if os.path.lexists(self.path / "model.safetensors") or (not problems[0] and self.finished):
            problems.append(_problem(self.load_model))
        if not problems[4]:
            problems += [_problem(lambda state=state: _read_state(*state)) for state in self._states()]
        for config in sorted(self.path.glob("attempts/*/config.json")):
            problems += RunDirectory(config.parent).verify()
        return list(dict.fromkeys(problem for problem in problems if problem))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Makes this process the run's only writer for a while, and sweeps what killed writers left.

        Raises:
            RunInUseError: if another process holds it; the message names process and host.
        """
        with exclusive_lock(self.path / ".lock"):
            remove_litter(self.path)
            remove_litter(self._state_folder())
            yield

    # --- below: how it is done
    # ------------------------------------------------------------------------------------

    def _read_config(self) -> dict[str, Any]:
        path = self.path / "config.json"
        if not os.path.lexists(path):
            raise RequestError(f"{self.path} is no run directory: it has no config.json. Check the path.")
        stored = read_json(path)
        _checked_schema(path, stored, "config")
        history = stored.get("history")
        whole = isinstance(history, dict) and isinstance(history.get("lines"), int)
        if stored.get("format") != _FORMAT or not (history is None or whole):
            raise CorruptFileError(f"{path} is not the configuration of a latlas run. Check the path.")
        return {"config": stored["config"], "history": history}

    def _write_config(self, config: dict[str, Any], history: dict[str, Any] | None) -> None:
        head = {"format": _FORMAT, "schema_version": SCHEMA_VERSION}
        write_json(self.path / "config.json", head | {"config": config, "history": history})

    def _write_part(self, name: str, value: Mapping[str, Any]) -> None:
        write_json(self.path / f"{name}.json", {"schema_version": SCHEMA_VERSION, name: dict(value)})

    def _read_part(self, name: str) -> dict[str, Any] | None:
        path = self.path / f"{name}.json"
        return _checked_schema(path, read_json(path), name) if os.path.lexists(path) else None

    def _history(self) -> History:
        path = self.path / "metrics.jsonl"
        expected = self._read_config()["history"]
        history = read_history(path)
        if expected is not None:
            count = expected["lines"]
            there = history.lines[count - 1] if 0 < count <= len(history.lines) else b""
            if history.torn or (count and str(expected.get("sha256")).encode() not in there):
                raise CorruptFileError(
                    f"{path} is damaged: {count} lines belong to this finished run, and "
                    f"{len(history.lines)} whole ones "
                    "are there. Restore it from a copy."
                )
        return history

    def _state_folder(self) -> Path:
        folder = self.path / "state"
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise CorruptFileError(f"{folder} is a link or a file. Put the folder itself there.")
        return folder

    def _states(self) -> list[tuple[int, Path]]:
        """Step and path of every checkpoint, by their names alone."""
        folder = self._state_folder()
        names = sorted(os.listdir(folder)) if folder.is_dir() else []
        matches = [match for match in map(_STATE_NAME.fullmatch, names) if match]
        return [(int(match[1]), folder / match[0]) for match in matches]

    def _check_replaceable(self, overwrite: bool) -> None:
        try:
            self._read_config()
        except LatlasError as error:
            raise RunExistsError(
                f"{self.path} is not empty and not a run that this latlas wrote, so nothing in it was "
                "touched. Choose another place, or remove the folder yourself."
            ) from error
        if not overwrite:
            raise RunExistsError(f"{self.path} holds a run. Choose another place, or give --overwrite.")

    def _clear(self) -> None:
        """Removes our files and only ours; all but config.json, so that a kill here still leaves a run."""
        for name in _FILES:
            path = self.path / name
            if os.path.lexists(path) and not (path.is_dir() and not path.is_symlink()):
                path.unlink()
        for _, path in self._states():
            path.unlink()


def _read_state(step: int, path: Path) -> dict[str, np.ndarray]:
    arrays, metadata = read_arrays(path)
    return _of_kind(path, arrays, metadata, {"kind": "step", "step": step})


def _of_kind(path: Path, arrays: dict, metadata: dict, expected: dict) -> dict[str, np.ndarray]:
    if metadata != expected:
        raise CorruptFileError(f"{path} was renamed: it holds {metadata}, where {expected} was expected.")
    return arrays


def _checked_schema(path: Path, stored: dict[str, Any], field: str) -> dict[str, Any]:
    version = stored.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise RequestError(
            f"{path} was made by a newer latlas (schema {version}; this one reads up to {SCHEMA_VERSION}). "
            f"Update latlas."
        )
    if version != SCHEMA_VERSION or not isinstance(stored.get(field), dict):
        raise CorruptFileError(
            f"{path} is not a file of latlas: it has no {field} of schema {SCHEMA_VERSION}."
        )
    return stored[field]


def _is_bookkeeping(name: str) -> bool:
    return name == ".lock" or name.endswith(TEMPORARY_SUFFIX)


def _problem(check: Callable[[], Any]) -> str | None:
    try:
        check()
    except LatlasError as error:
        return str(error)
    return None
