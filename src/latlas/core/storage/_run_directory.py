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
config.json. There stand the digests of all the other files too, so that one of another run is told apart.
Reading a run calls no JAX and runs no code.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from latlas.core._errors import CorruptFileError, LatlasError, RequestError, RunExistsError, WorkError
from latlas.core.storage._arrays import not_finite, pack_arrays, read_sealed
from latlas.core.storage._belonging import carried
from latlas.core.storage._files import TEMPORARY_SUFFIX, checked_path, remove_litter, write_atomically
from latlas.core.storage._history import (
    NO_HISTORY,
    History,
    append_line,
    digest_of,
    next_line,
    read_history,
    truncate_history,
)
from latlas.core.storage._json import digest_in, read_unsealed, seal
from latlas.core.storage._lock import exclusive_lock
from latlas.core.storage._run_config import GO_ON, NO_DIGEST, RunConfig, Stored
from latlas.core.storage._states import of_kind, read_state, state_folder, states_in

Arrays = Mapping[str, np.ndarray | np.generic]

_FILES = ("model.safetensors", "metrics.jsonl", "evaluation.json", "treatments.json", "report.html")
_REPORT_SEAL = (b"\n<!-- sha256:", b" -->\n")
_MAX_REPORT_BYTES = 2**28
_REPORT = "write the report by `latlas report` and the run"  # after a full disk has room again

_logger = logging.getLogger("latlas")


class _GoneError(RequestError):
    """A checkpoint was removed after it was listed."""


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
        run = cls(checked_path(path))
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
            run._json.write(Stored(dict(config), None, {}))
        return run

    @classmethod
    def open(cls, path: str | os.PathLike) -> "RunDirectory":
        """The run in a folder, its configuration checked.

        Raises:
            RequestError: if there is no run, or a newer latlas made it.
            CorruptFileError: if config.json is damaged.
        """
        run = cls(checked_path(path))
        if not run.path.is_dir():
            raise RequestError(f"There is no run directory {path}. Check the path, or run `latlas fit`.")
        run._json.read()
        return run

    # --- what was asked for

    @property
    def config(self) -> dict[str, Any]:
        """What was asked for, as it was given to `create` or `write_config`."""
        return self._json.read().config

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Replaces the configuration."""
        self._json.write(replace(self._json.read(), config=dict(config)))

    @property
    def finished(self) -> bool:
        """Whether `finish` was called, and the history was not cut since."""
        return self._json.read().history is not None

    def finish(self) -> None:
        """Marks the run as finished: from now on all metrics so far must be there, and a model."""
        history = self._history()
        if history.torn:
            raise CorruptFileError(f"{self.path}/metrics.jsonl ends in a torn line; resume the run.")
        self._json.finish(len(history.lines), history.sha256)

    def reopen(self) -> None:
        """Marks a finished run as unfinished: it is to be trained further, from its last checkpoint."""
        self._json.write(replace(self._json.read(), history=None))

    # --- what was learned

    def save_model(self, arrays: Arrays, *, kind: Literal["model", "draws"] = "model") -> None:
        """Writes model.safetensors, replacing the one before in one stroke.

        Args:
            arrays: the parameters, by name.
            kind: "model" for weights, which must be finite; "draws" for draws of a posterior, of which some may not be.

        Raises:
            WorkError: if a weight is not finite, or the file cannot be written; the one before is then intact.
        """
        path = self.path / "model.safetensors"
        data, sealed = pack_arrays(arrays, {"kind": kind})
        bad = not_finite(arrays) if kind == "model" else None
        if bad is not None:
            raise WorkError(
                f"The model was not saved in {self.path}: {bad}. The fit has diverged; fit again with a smaller "
                "learning rate."
            )
        self._json.write_file(path, data, sealed, again=GO_ON)

    def load_model(self) -> dict[str, np.ndarray]:
        """The parameters, by name.

        Raises:
            RequestError: if there is no model yet.
            CorruptFileError: if the file is damaged, belongs to another run, or holds weights that are not finite.
        """
        path = self.path / "model.safetensors"

        def content() -> tuple[tuple[dict[str, np.ndarray], dict[str, Any]], str]:
            arrays, metadata, sealed = read_sealed(path)
            return (arrays, metadata), sealed

        found = self._json.own(path, content)
        if found is None:
            raise RequestError(f"The run {self.path} has no model yet. Finish it with `--resume`.")
        arrays, metadata = found
        if metadata == {"kind": "draws"}:
            return arrays
        if (bad := not_finite(arrays)) is not None:
            raise CorruptFileError(
                f"{path} cannot be used: {bad}. Restore the file from a copy, or fit again."
            )
        return of_kind(path, arrays, metadata, {"kind": "model"})

    @property
    def model_digest(self) -> str | None:
        """The SHA-256 that model.safetensors carries, which tells one fit from another; `None` before there is a model."""
        return carried(self.path / "model.safetensors")

    def save_state(self, step: int, arrays: Arrays, *, keep: int = 2) -> None:
        """Writes a checkpoint, then removes all but the last `keep`.

        Append the metrics of `step` before: then a checkpoint on the disk has all of its history on the disk.
        """
        folder = state_folder(self.path)
        data, sealed = pack_arrays(arrays, {"kind": "step", "step": int(step)})
        path = folder / f"step-{int(step)}-{sealed[:16]}.safetensors"
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise WorkError(f"{folder} could not be made ({os.strerror(error.errno or 0)}).") from error
        self._json.announce_state(path)
        write_atomically(path, data, again=GO_ON)
        steps = {found for found, _ in states_in(self.path) if found <= step}
        oldest = sorted(steps)[-keep:][0]
        for found, path in states_in(self.path):
            if found < oldest:
                path.unlink(missing_ok=True)

    def latest_state(self) -> tuple[int, dict[str, np.ndarray]] | None:
        """Step and arrays of the newest checkpoint that verifies; `None` if there is none at all.

        One that does not verify is skipped with a warning that names it.

        Raises:
            CorruptFileError: if there are checkpoints, and not one verifies.
        """
        while True:
            states = states_in(self.path)
            for state in sorted(states, reverse=True):
                try:
                    return state[0], self._read_state(*state)
                except _GoneError:
                    break
                except (CorruptFileError, WorkError) as error:
                    _logger.warning("Skipped a checkpoint: %s", error)
            else:
                break
        if states:
            raise CorruptFileError(
                f"None of the {len(states)} checkpoints in {self.path / 'state'} verifies. Restore one "
                "from a copy, or start the run again with --overwrite."
            )
        return None

    # --- what was measured

    def append_metrics(self, record: Mapping[str, Any]) -> None:
        """Appends a line to metrics.jsonl; `record` has an integer `step`; nan and infinity become null."""
        path = self.path / "metrics.jsonl"
        line = next_line(path, record)
        if not path.exists() or not path.stat().st_size:
            self._json.announce(path, digest_of(line))
        append_line(path, line, again=GO_ON)

    def read_metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; a torn last line of an unfinished run is left out with a warning.

        Raises:
            CorruptFileError: if a line is damaged, or lines of a finished run are missing.
        """
        return self._history().records

    def truncate_metrics(self, step: int) -> None:
        """Drops the lines past `step`, and a torn one, so that a run resumed from there writes them again."""
        stored = self._json.read()
        if stored.history is not None:
            # first: a kill in between must not leave lines missing
            self._json.write(replace(stored, history=None))
        truncate_history(self.path / "metrics.jsonl", step, again=GO_ON)

    def write_evaluation(self, evaluation: Mapping[str, Any]) -> None:
        """Writes evaluation.json."""
        self._json.write_part("evaluation", evaluation)

    def read_evaluation(self) -> dict[str, Any] | None:
        """What `write_evaluation` wrote; `None` if the run was not evaluated yet."""
        return self._json.read_part("evaluation")

    def write_treatments(self, treatments: Mapping[str, Any]) -> None:
        """Writes treatments.json."""
        self._json.write_part("treatments", treatments)

    def read_treatments(self) -> dict[str, Any] | None:
        """What `write_treatments` wrote; `None` if the run was fitted without a cure."""
        return self._json.read_part("treatments", needed=True)

    def write_report(self, html: str) -> Path:
        """Writes report.html, sealed by a comment at its end, and returns its path."""
        path = self.path / "report.html"
        # a name of a file may hold bytes that are no text: written as numbers of characters, they fail nothing
        data = seal(html.encode("utf-8", errors="xmlcharrefreplace"), _REPORT_SEAL)
        self._json.write_file(path, data, digest_in(data, _REPORT_SEAL), again=_REPORT)
        return path

    def read_report(self) -> str | None:
        """The HTML that `write_report` wrote; `None` if there is none."""
        path = self.path / "report.html"
        html = self._json.own(path, lambda: read_unsealed(path, _MAX_REPORT_BYTES, _REPORT_SEAL))
        return None if html is None else html.decode("utf-8", errors="replace")

    # --- the whole

    def verify(self) -> list[str]:
        """Reads every file, also of attempts, and says what is wrong, a sentence per problem; empty if all is well."""
        checks = [self._json.read, self._history, self.read_evaluation, self.read_report]
        checks += [lambda: states_in(self.path), self.read_treatments]
        problems = [_problem(check) for check in checks]
        if problems[0]:  # without a configuration each metrics line still proves itself
            problems.append(_problem(lambda: read_history(self.path / "metrics.jsonl")))
        if os.path.lexists(self.path / "model.safetensors") or (not problems[0] and self.finished):
            problems.append(_problem(self.load_model))
        if not problems[4]:
            problems += [
                _problem(lambda state=state: self._read_state(*state)) for state in states_in(self.path)
            ]
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
            remove_litter(state_folder(self.path))
            yield

    # --- below: how it is done

    @property
    def _json(self) -> RunConfig:
        return RunConfig(self.path)

    def _read_state(self, step: int, path: Path) -> dict[str, np.ndarray]:
        try:
            arrays = read_state(step, path)
        except RequestError as error:
            raise _GoneError(str(error)) from error
        self._json.check_state(path)
        return arrays

    def _history(self) -> History:
        path = self.path / "metrics.jsonl"
        expected = self._json.read().history

        def content() -> tuple[History, str]:
            history = read_history(path)
            return history, digest_of(history.lines[0]) if history.lines else NO_DIGEST

        history = self._json.own(path, content) or NO_HISTORY
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

    def _check_replaceable(self, overwrite: bool) -> None:
        try:
            self._json.read()
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
        for _, path in states_in(self.path):
            path.unlink()


def _is_bookkeeping(name: str) -> bool:
    return name == ".lock" or name.endswith(TEMPORARY_SUFFIX)


def _problem(check: Callable[[], Any]) -> str | None:
    try:
        check()
    except _GoneError:
        return None  # a checkpoint that a writer removed meanwhile
    except LatlasError as error:
        return str(error)
    return None
