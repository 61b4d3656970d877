"""Progress of work that is counted in rows: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_SECONDS = 10.0


@contextmanager
def rows_done(description: str) -> Iterator[Callable[[int, int], None]]:
    """A function of the rows done and the rows in all, to be called as the work goes on; it writes to standard error."""
    if not sys.stderr.isatty():
        yield _lines(description)
        return
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def bytes_read(description: str) -> Iterator[Callable[[int, int], None]]:
    """A function of the bytes read and the bytes in all; it says something where the reading takes long."""
    yield _lines(description, "bytes", seconds=3.0)


def _lines(description: str, what: str = "examples", seconds: float = _SECONDS) -> Callable[[int, int], None]:
    said = time.monotonic()

    def say(done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said >= seconds:
            said = time.monotonic()
            print(f"{description}: {done:,} of {total:,} {what}", file=sys.stderr, flush=True)

    return say
