"""One writer at a time: a lock that names its holder and dies with it."""

import fcntl
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from latlas.core._errors import CorruptFileError, RunInUseError
from latlas.core.storage._files import write_all, write_error
from latlas.core.storage._json import dump_json, parse_json

# what each thread of this process holds: a caller may hold a run over several acts, each of which takes it for itself
_held = threading.local()


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Holds the lock file of a run directory; the kernel frees it when the process ends, however it ends.

    The file itself stays: removing it would let two processes lock two files of one name. The thread that holds it may
    take it again.

    Raises:
        RunInUseError: if another process (or another thread of this one) holds it; the message names process
            and host.
        CorruptFileError: if something else stands under that name.
        WorkError: if the lock file cannot be made.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        raise write_error(path, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise CorruptFileError(f"{path} is not a regular file. Remove it and try again.")
        held = _held.__dict__.setdefault("files", set())
        file = (os.getpid(), status.st_dev, status.st_ino)
        if file in held:
            yield
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunInUseError(
                f"{path.parent} is in use by {_holder(descriptor)}. Wait for it, stop it, or write to "
                f"another place."
            ) from error
        with suppress(OSError):  # who holds it is a courtesy: a full disk does not refuse the lock
            os.ftruncate(descriptor, 0)
            write_all(descriptor, _signature())
        held.add(file)
        try:
            yield
        finally:
            held.remove(file)
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _signature() -> bytes:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return dump_json({"pid": os.getpid(), "host": socket.gethostname(), "started": started}, "The lock file")


def _holder(descriptor: int) -> str:
    """Says who holds the lock; the file may hold anything, so nothing of it is trusted."""
    try:
        value = parse_json(os.pread(descriptor, 1024, 0), "The lock file")
        holder = f"process {int(value['pid'])} on {value['host']}, since {value['started']}"
    except (CorruptFileError, KeyError, TypeError, ValueError, OSError):
        return "another process"
    return holder if holder.isprintable() else "another process"
