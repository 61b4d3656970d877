"""Which files belong to a run: its config.json keeps the digest that each of them carries.

A file that proves itself may still be another run's. So each digest is written into config.json before its file is
written, beside that of the file which stands there: whatever moment a kill finds, the file that is there is listed.
"""

import os
import re
from pathlib import Path
from typing import Any

from latlas.core._errors import CorruptFileError, LatlasError
from latlas.core.storage._arrays import carried_by_arrays
from latlas.core.storage._files import open_regular
from latlas.core.storage._history import MAX_LINE_BYTES

# name of a file -> the digests that it may carry; `None` among them where it may be absent
Files = dict[str, list[str | None]]

_TAIL_BYTES = 256
# how to do without a file that is another run's
_AGAIN = {
    "evaluation.json": "remove it and measure again",
    "report.html": "remove it and run `latlas report` again",
}
_DIGEST = re.compile(rb"[0-9a-f]{64}")


def checked_files(path: Path, stored: Any) -> Files | None:
    """What config.json says of its files; `None` in a run of an older latlas, which said nothing.

    Raises:
        CorruptFileError: if it is no list of digests for each name.
    """
    if stored is None:
        return None
    listed = isinstance(stored, dict) and all(
        isinstance(digests, list) and all(entry is None or isinstance(entry, str) for entry in digests)
        for digests in stored.values()
    )
    if not listed:
        raise CorruptFileError(f"{path} does not say which files belong to its run. Restore it from a copy.")
    return stored


def carried(path: Path) -> str | None:
    """The digest that a file says it has, of its head or tail alone; `None` where there is no such file."""
    if not os.path.lexists(path):
        return None
    try:
        if path.suffix == ".safetensors":
            return carried_by_arrays(path)
        with open_regular(path) as (file, size):
            if path.suffix == ".jsonl":  # a history is known by its first line, from which all others follow
                data = file.readline(MAX_LINE_BYTES)
            else:
                file.seek(max(0, size - _TAIL_BYTES))
                data = file.read()
    except LatlasError:  # a link, a folder, a file that may not be read: none of ours, whatever it says
        return ""
    found = _DIGEST.findall(data)
    return found[-1].decode("ascii") if found else ""


def announced(files: Files, path: Path, new: str) -> Files:
    """The list with what a file is about to carry, beside what it carries now if that belongs here."""
    now = carried(path)
    before = [digest for digest in files.get(path.name, [None]) if digest == now]
    if now is None:
        before = [None]
    return files | {path.name: [*before, *([] if new in before else [new])]}


def settled(files: Files, folder: Path) -> Files:
    """The list without what was announced and is over: each file that is there carries one digest."""
    now = {name: carried(folder / name) for name in files}
    kept = {name: digest for name, digest in now.items() if digest is not None}
    return {
        name: [digest] if digest in files[name] else [entry for entry in files[name] if entry is not None]
        for name, digest in kept.items()
    }


def foreign(path: Path, sealed: str, files: Files) -> CorruptFileError:
    """The error for a whole file that is not this run's."""
    own = [digest[:16] for digest in files.get(path.name, []) if digest]
    expected = f"one with {' or '.join(own)} belongs to it" if own else "this run has written none"
    return CorruptFileError(
        f"{path} belongs to another run: its SHA-256 begins with {sealed[:16]}, and {expected}, as config.json says. "
        f"Nothing of it was used; put this run's own file back, or {_AGAIN.get(path.name, 'fit again')}."
    )
