"""What every verb shares: errors to exit codes, the device, the compilation cache."""

import functools
import json
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

from latlas.cli._ending import sentence, show_trace, told
from latlas.cli._interrupt import was_interrupted
from latlas.cli._places import check_free as check_free
from latlas.core import InterruptedRunError, RequestError, WorkError

Work = Callable[..., dict[str, Any] | None]


def verb(work: Work) -> Callable[..., int]:
    """A verb's work as an exit code; what it returns is printed as JSON where `json=True` was given.

    A message is one line on standard error, without a traceback (`LATLAS_DEBUG=1` shows it).
    """
    return _as_verb(work, lambda found: 0)


def checking_verb(work: Work) -> Callable[..., int]:
    """A verb that looks for `problems`: its exit code is 1 where it found some."""
    return _as_verb(work, lambda found: 1 if found["problems"] else 0)


def _as_verb(work: Work, code: Callable[[Any], int]) -> Callable[..., int]:
    @functools.wraps(work)
    def run(*arguments: Any, json: bool, **options: Any) -> int:
        try:
            check_device()
            use_compilation_cache()
            with _what_is_fitted():
                found = work(*arguments, show=not json, **options)
            if json:
                _print_json(found)
        except BrokenPipeError:  # whoever read from the pipe has read enough
            return 1
        except Exception as error:
            show_trace()
            if was_interrupted() and not isinstance(error, InterruptedRunError):
                raise KeyboardInterrupt from error  # what it became in a callback of JAX
            told(_message(error))
            return _code(error)
        return code(found)

    return run


def check_device() -> None:
    """Refuses a device that JAX was told to use and does not find; left alone, it says so in a bare assertion.

    Raises:
        WorkError: naming the variable that asks for it.
    """
    asked = os.environ.get("JAX_PLATFORMS", "")
    if asked in ("", "cpu"):
        return
    try:
        jax.devices()
    except Exception as error:
        why = " ".join(str(error).split())[:200].rstrip(".")
        raise WorkError(
            f"JAX finds no device of the kind that JAX_PLATFORMS={asked} asks for{f' ({why})' if why else ''}. Unset "
            "JAX_PLATFORMS to use what there is, or install JAX for that device."
        ) from error


def use_compilation_cache() -> None:
    """Compiled programs are kept between processes, in `LATLAS_CACHE` (empty for nowhere) or the user's cache folder.

    Raises:
        RequestError: naming the variable that asks for a folder that cannot be.
    """
    # JAX gives its configuration attributes only while it runs
    chosen = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    if chosen is not None:
        if chosen and "://" not in chosen and chosen == os.environ.get("JAX_COMPILATION_CACHE_DIR"):
            _make("JAX_COMPILATION_CACHE_DIR", chosen)
        return
    folder = os.environ.get("LATLAS_CACHE")
    if folder is None:
        folder = _own_cache()
    elif folder:
        _make("LATLAS_CACHE", folder)
    if folder:
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _own_cache() -> str | None:
    """The user's cache folder, made; `None` where there is none that can be written: nobody asked for it."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "latlas" / "compiled"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # the latter where a user has no home
        return None
    return str(folder) if os.access(folder, os.W_OK) else None


def _make(variable: str, folder: str) -> None:
    """JAX would warn of every program that it cannot keep."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(
            f"{variable} is {folder!r} in the environment, which is no folder and cannot be made one "
            f"({error.strerror}). Name a folder that can be written; an empty LATLAS_CACHE keeps no compiled programs."
        ) from error


@contextmanager
def _what_is_fitted() -> Iterator[None]:
    """What an estimator says of its data before it fits them goes to standard error."""
    log, handler = logging.getLogger("latlas.estimators"), logging.StreamHandler()
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def _print_json(found: dict[str, Any] | None) -> None:
    print(json.dumps(found, allow_nan=False))


def _message(error: Exception) -> str:
    if isinstance(error, (RequestError, WorkError, ValueError)):
        return " ".join(str(error).split()) or type(error).__name__
    return sentence(error)


def _code(error: Exception) -> int:
    if isinstance(error, InterruptedRunError):
        return 128 + signal.Signals[error.cause]
    return 2 if isinstance(error, ValueError) else 1
