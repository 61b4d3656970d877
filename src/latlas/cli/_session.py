"""What every verb shares: errors to exit codes, the compilation cache, checks of where a result is to go."""

import functools
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

from latlas.core import InterruptedRunError, RequestError, RunExistsError, WorkError


def verb(work: Callable[..., dict[str, Any] | None]) -> Callable[..., int]:
    """A verb's work as an exit code; what it returns is printed as JSON where `json=True` was given.

    A message is one line on standard error, without a traceback (`LATLAS_DEBUG=1` shows it).
    """

    @functools.wraps(work)
    def run(*arguments: Any, json: bool, **options: Any) -> int:
        try:
            use_compilation_cache()
            with _what_is_fitted():
                found = work(*arguments, show=not json, **options)
            if json:
                _print_json(found)
        except Exception as error:
            if os.environ.get("LATLAS_DEBUG"):
                traceback.print_exc()
            print(f"latlas: {_message(error)}", file=sys.stderr)
            return _code(error)
        except KeyboardInterrupt:
            print("latlas: interrupted.", file=sys.stderr)
            return 128 + signal.SIGINT
        return 0

    return run


def use_compilation_cache() -> None:
    """Compiled programs are kept between processes, in `LATLAS_CACHE` (empty for nowhere) or the user's cache folder."""
    folder = os.environ.get("LATLAS_CACHE")
    if folder is None:
        folder = str(Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "latlas" / "compiled")
    # JAX gives its configuration attributes only while it runs
    chosen = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    if folder and chosen is None:
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


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


def check_free(out: Path, *, overwrite: bool) -> None:
    """Refuses to replace a file that was not asked to be replaced.

    Raises:
        RequestError: if the file is there, or its folder is not.
    """
    if out.is_dir():
        raise RequestError(f"{out} is a folder, and a file is to be written. Name the file.")
    if out.exists() and not overwrite:
        raise RunExistsError(f"{out} is there already. Choose another name, or add --overwrite.")
    if not out.parent.is_dir():
        raise RequestError(
            f"The folder {out.parent} for {out.name} does not exist. Make it, or choose another."
        )


def _print_json(found: dict[str, Any] | None) -> None:
    print(json.dumps(found, allow_nan=False))


def _message(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, (RequestError, WorkError, ValueError)):
        return text
    if isinstance(error, MemoryError):
        return "the memory is not enough. Use fewer rows, a smaller --batch-size or fewer --num-samples."
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'} could not be used ({error.strerror or text}). Check the path and the disk."
    return f"an error of our own, {type(error).__name__}: {text[:300]}. LATLAS_DEBUG=1 shows where; please report it."


def _code(error: Exception) -> int:
    if isinstance(error, InterruptedRunError):
        return 128 + signal.Signals[error.cause]
    return 2 if isinstance(error, ValueError) else 1
