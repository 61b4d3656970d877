"""The config.json of a run: what was asked for, how long its history is, and which files belong to it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from latlas.core._errors import CorruptFileError, LatlasError, RequestError, WorkError
from latlas.core.storage._belonging import Files, announced, carried, checked_files, foreign, settled
from latlas.core.storage._files import write_atomically
from latlas.core.storage._json import (
    MAX_JSON_BYTES,
    SEAL,
    digest_in,
    parse_json,
    read_json,
    read_unsealed,
    sealed_json,
    write_json,
)
from latlas.core.storage._lock import exclusive_lock
from latlas.core.storage._states import states_in

SCHEMA_VERSION = 1
_FORMAT = "latlas run"
_STATES = "state"  # under this name the checkpoints are listed, by their names, which hold their digests
NO_DIGEST = ""  # of a history without lines, which may stand in any run
_READS = 5  # of a file that is being replaced meanwhile

# what to do after a full disk has room again
GO_ON = "give the same command with --resume (`fit`; in Python resume=True) or --overwrite (any other)"
MEASURE = "run `latlas evaluate` or `latlas diagnose` again"

T = TypeVar("T")


@dataclass(frozen=True)
class Stored:
    """What config.json holds.

    Attributes:
        config: what was asked for.
        history: number and last digest of the lines of a finished run; `None` of an unfinished one.
        files: which files belong to the run; `None` where an older latlas did not say.
    """

    config: dict[str, Any]
    history: dict[str, Any] | None
    files: Files | None


@dataclass(frozen=True)
class RunConfig:
    """The config.json in the folder of a run, and the other files as it lists them.

    Attributes:
        folder: of the run.
    """

    folder: Path

    def read(self) -> Stored:
        """What it holds.

        Raises:
            RequestError: if there is none, or a newer latlas wrote it.
            CorruptFileError: if it is damaged.
        """
        path = self.folder / "config.json"
        if not os.path.lexists(path):
            raise RequestError(f"{self.folder} is no run directory: it has no config.json. Check the path.")
        stored = read_json(path)
        config = checked_schema(path, stored, "config")
        history = stored.get("history")
        whole = isinstance(history, dict) and type(history.get("lines")) is int and history["lines"] >= 0
        if stored.get("format") != _FORMAT or not (history is None or whole):
            raise CorruptFileError(f"{path} is not the configuration of a latlas run. Check the path.")
        return Stored(config, history, checked_files(path, stored.get("files")))

    def write(self, stored: Stored, *, again: str = GO_ON) -> None:
        """Replaces it."""
        body = {"format": _FORMAT, "schema_version": SCHEMA_VERSION}
        body |= {"config": stored.config, "history": stored.history}
        listed = {} if stored.files is None else {"files": stored.files}
        write_json(self.folder / "config.json", body | listed, again=again)

    def finish(self, num_lines: int, sha256: str) -> None:
        """Writes down that the run is finished, with the history and the files that it has."""
        stored = self.read()
        files = stored.files
        if files is not None:
            states = {name: files[name] for name in (_STATES,) if name in files}
            rest = {name: digests for name, digests in files.items() if name != _STATES}
            files = settled(rest, self.folder) | states
        self.write(Stored(stored.config, {"lines": num_lines, "sha256": sha256}, files))

    # --- the other files, which it lists

    def write_file(self, path: Path, data: bytes, sealed: str, *, again: str) -> None:
        """Lists a file of the run, and writes it."""
        with exclusive_lock(self.folder / ".lock"):
            self.announce(path, sealed, again=again)
            write_atomically(path, data, again=again)

    def announce(self, path: Path, sealed: str, *, again: str = GO_ON) -> None:
        """Lists the digest of a file that is about to be written."""
        with exclusive_lock(self.folder / ".lock"):
            try:
                stored = self.read()
            except LatlasError:
                return  # damaged: such a run does not open, and nothing of it is believed until it is restored
            if stored.files is not None:
                self.write(replace(stored, files=announced(stored.files, path, sealed)), again=again)

    def announce_state(self, path: Path) -> None:
        """Lists a checkpoint that is about to be written, and no longer those that were removed."""
        with exclusive_lock(self.folder / ".lock"):
            stored = self.read()
            if stored.files is not None:
                there = {other.name for _, other in states_in(self.folder)} - {path.name}
                kept = [name for name in stored.files.get(_STATES, []) if name in there]
                self.write(replace(stored, files=stored.files | {_STATES: [*kept, path.name]}))

    def own(self, path: Path, read: Callable[[], tuple[T, str]], *, needed: bool = False) -> T | None:
        """What `read` makes of a file of this run, with the digest that it has; `None` of no file.

        Raises:
            CorruptFileError: if it is damaged or belongs to another run, or was lost where it is `needed`.
        """
        for _ in range(_READS):
            if not os.path.lexists(path):
                if needed:
                    self._check_absent(path)
                return None
            try:
                value, sealed = read()
            except RequestError:
                if os.path.lexists(path):
                    raise
                continue  # removed since
            files = self.read().files  # after the file: a writer lists it before
            if files is None or sealed in [NO_DIGEST, *files.get(path.name, [])]:
                return value
            if carried(path) == sealed:  # else it was replaced since, and so may be what belongs here
                raise foreign(path, sealed, files)
        raise WorkError(f"{path} is written again and again. Wait for the other process, then try again.")

    def _check_absent(self, path: Path) -> None:
        files = self.read().files or {}
        if None not in files.get(path.name, [None]):
            raise CorruptFileError(
                f"{path} is missing: config.json lists it. Restore it from a copy, or fit again."
            )

    def check_state(self, path: Path) -> None:
        """Refuses a checkpoint that the run does not list.

        Raises:
            CorruptFileError: if it belongs to another run.
        """
        files = self.read().files
        if files is not None and path.name not in files.get(_STATES, []) and path.exists():
            raise CorruptFileError(
                f"{path} belongs to another run: config.json does not list it. Move it away, or back to where it was."
            )

    def write_part(self, name: str, value: Mapping[str, Any]) -> None:
        """Writes one of the run's JSON files."""
        path = self.folder / f"{name}.json"
        data = sealed_json({"schema_version": SCHEMA_VERSION, name: dict(value)}, str(path))
        again = GO_ON if self.read().history is None else MEASURE
        self.write_file(path, data, digest_in(data, SEAL), again=again)

    def read_part(self, name: str, *, needed: bool = False) -> dict[str, Any] | None:
        """What one of the run's JSON files holds; `None` of no file."""
        path = self.folder / f"{name}.json"
        data = self.own(path, lambda: read_unsealed(path, MAX_JSON_BYTES, SEAL), needed=needed)
        return None if data is None else checked_schema(path, parse_json(data + b"\n}", str(path)), name)


def checked_schema(path: Path, stored: dict[str, Any], field: str) -> dict[str, Any]:
    """The object under a name in one of our JSON files.

    Raises:
        RequestError: if a newer latlas wrote the file.
        CorruptFileError: if there is no such object.
    """
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
