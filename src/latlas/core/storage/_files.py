"""Files that are whole or absent: written aside and renamed, read without following links or trusting sizes.

A reader of the final name sees the old bytes or the new ones, whatever happens in between: a full disk, a
kill, a power cut.
"""

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from latlas.core._errors import CorruptFileError, RequestError, WorkError

TEMPORARY_SUFFIX = ".latlas-tmp"

# what to do once a full disk has room again; what writes a run says how to go on with it instead
SAME_COMMAND = "run the same command again"


def digest(data: bytes) -> str:
    """SHA-256 of the bytes, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def checked_path(path: str | os.PathLike) -> Path:
    """The path.

    Raises:
        RequestError: if it is none.
    """
    try:
        return Path(path)
    except TypeError as error:
        got = "None" if path is None else f"a {type(path).__name__}"
        raise RequestError(f"Got {got} where a path was expected: give text, or a pathlib.Path.") from error


def write_atomically(path: str | os.PathLike, data: bytes, *, again: str = SAME_COMMAND) -> None:
    """Replaces a file by these bytes, so that at every moment the old or the new file is there, whole.

    The bytes go to a file beside it, to the disk (`fsync`), and then under the final name; a symbolic link
    of that name is replaced, not followed.

    Args:
        path: where to.
        data: all that the file is to hold.
        again: what to do after a full disk, for the message.

    Raises:
        WorkError: if the disk is full or the folder cannot be written; the old file is intact and nothing is
            left behind.
    """
    path = Path(path)
    # process and thread in the name: no two writers meet, and `remove_litter` can tell whose it was
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}{TEMPORARY_SUFFIX}")
    try:
        _write_new(temporary, data)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        _unlink_quietly(temporary)
        raise write_error(path, error, again) from error
    except BaseException:  # Ctrl-C between two writes
        _unlink_quietly(temporary)
        raise


def write_all(descriptor: int, data: bytes) -> None:
    """Writes every byte, as one `os.write` may not."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def write_error(path: Path, error: OSError, again: str = SAME_COMMAND) -> WorkError:
    """What a failed write means for the user."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WorkError(
            f"The disk is full: {path} could not be written, and what stood there before is intact. "
            f"Free some space, then {again}."
        )
    return WorkError(
        f"{path} could not be written ({os.strerror(error.errno or 0)}); what stood there before is intact. "
        "Check that the folder exists and that you may write to it."
    )


@contextmanager
def open_regular(path: str | os.PathLike) -> Iterator[tuple[BinaryIO, int]]:
    """Opens a file for reading, with its size; refuses links, pipes, devices and folders.

    Raises:
        RequestError: if there is no such file.
        CorruptFileError: if it is not a regular file.
        WorkError: if it cannot be opened or read.
    """
    # O_NONBLOCK: opening a pipe would otherwise wait for its writer, perhaps forever
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _irregular(path)
            yield file, status.st_size
    except FileNotFoundError as error:
        raise RequestError(f"There is no file {path}. Check the path.") from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise _irregular(path) from error
        raise WorkError(
            f"{path} could not be read ({os.strerror(error.errno or 0)}). Check its permissions."
        ) from error


def read_limited(path: str | os.PathLike, max_bytes: int) -> bytes:
    """All bytes of a regular file, if they are no more than `max_bytes`.

    Raises:
        RequestError: if there is no such file.
        CorruptFileError: if it is a symbolic link, not a regular file, or larger.
        WorkError: if it cannot be read.
    """
    with open_regular(path) as (file, size):
        if size > max_bytes:
            raise CorruptFileError(
                f"{path} has {size:,} bytes, where at most {max_bytes:,} were expected, and was not read. "
                "Check that it is the file you meant."
            )
        return file.read(size)


def remove_litter(folder: Path) -> None:
    """Removes temporary files in a folder whose writers were killed."""
    with suppress(OSError):
        for entry in folder.iterdir():
            parts = entry.name.removesuffix(TEMPORARY_SUFFIX).split(".")
            if entry.name.endswith(TEMPORARY_SUFFIX) and len(parts) > 2 and not _lives(parts[-2]):
                _unlink_quietly(entry)


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, OSError):
        return True  # not a name of ours, or another user's process: leave the file alone
    return True


def _irregular(path: str | os.PathLike) -> CorruptFileError:
    return CorruptFileError(
        f"{path} is not a regular file (a symbolic link, a folder, a pipe), and latlas follows none of "
        f"these. "
        "Put the file itself there."
    )


def _write_new(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)  # before the rename, or a power cut may leave the new name with no bytes
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unlink_quietly(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
