"""How a command ends that no verb could end: what it says, and where its words go.

Nothing here may import JAX.
"""

import os
import sys
import traceback

from latlas.cli._environment import suspects


def open_streams() -> None:
    """Gives the process the standard streams that it was started without, so that no file is taken for one of them."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def flushed(code: int) -> int:
    """The exit code, once all words are written: where they cannot be, the work was in vain."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # what is left of them would fail again when Python ends, with a message of its own
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # whoever read from a pipe has read enough, and what has failed has said so
        if code == 0 and not isinstance(error, BrokenPipeError):
            told(f"the result could not be written to standard output ({error.strerror}).")
        return code or 1
    return code


def told(message: str) -> None:
    """One line on standard error, which may be closed."""
    try:
        print(f"latlas: {message}", file=sys.stderr, flush=True)
    except OSError:
        pass


def show_trace() -> None:
    """The traceback of the error at hand, where `LATLAS_DEBUG` asks for it."""
    if os.environ.get("LATLAS_DEBUG"):
        traceback.print_exc()


def sentence(error: BaseException) -> str:
    """What an error means that nobody expected."""
    text = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in text:  # the latter is XLA's
        return "the memory is not enough. Use fewer rows, a smaller --batch-size or fewer --num-samples."
    if isinstance(error, ImportError):
        return f"a part of latlas could not be loaded ({text}). Install latlas again, best into an environment of its own."
    if isinstance(error, OSError):
        place = error.filename or "a file or standard output"
        return f"{place} could not be used ({error.strerror or text}). Check the path and the disk."
    if names := suspects(error):
        return (
            f"{type(error).__name__}: {text}. The environment sets {', '.join(names)}, which can be why: try again "
            "without. Where it stays, it is an error of our own: LATLAS_DEBUG=1 shows where; please report it."
        )
    return (
        f"an error of our own, {type(error).__name__}: {text}. LATLAS_DEBUG=1 shows where; please report it."
    )
