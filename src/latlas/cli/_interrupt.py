"""Ctrl-C that is not lost: what swallows the first one is interrupted again until the command ends.

Python raises `KeyboardInterrupt` wherever it happens to be. In a callback of JAX, in the collector of garbage or in an
import that goes on without a part, it is caught or printed by others, and the work would go on to the end.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SECONDS = 1.0  # between two interrupts: a cleanup takes less
CODE = 128 + signal.SIGINT


class Interrupt:
    """Whether Ctrl-C was pressed.

    Attributes:
        asked: whether it was.
        starting: whether modules are still loaded. There is nothing to clean up then, and what loads a compiled module
            does not always survive an exception: the process ends at once.
    """

    def __init__(self, *, starting: bool = False) -> None:
        self.asked, self.starting = False, starting
        self._over = threading.Event()
        self._repeater = threading.Thread(target=self._repeat, daemon=True)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raises `KeyboardInterrupt`, now and again."""
        if self.starting:
            os.write(2, b"latlas: interrupted.\n")
            os._exit(CODE)
        if not self.asked:
            self.asked = True
            self._repeater.start()
        if not self._over.is_set():
            raise KeyboardInterrupt

    def end(self) -> None:
        """It arrived, or there is nothing left to interrupt."""
        self._over.set()
        if self.asked:
            self._repeater.join()

    def _repeat(self) -> None:
        main = threading.main_thread().ident
        assert main is not None  # it runs
        while not self._over.wait(SECONDS):
            signal.pthread_kill(main, signal.SIGINT)


_current = Interrupt()


@contextmanager
def interruptible(*, starting: bool = False) -> Iterator[Interrupt]:
    """While inside, Ctrl-C cannot be lost.

    In a thread other than the main one, which gets no signals, and in a process that ignores it nothing changes.

    Args:
        starting: whether to begin in that state, until `started` is called.
    """
    global _current
    _current = interrupt = Interrupt(starting=starting)
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield interrupt
        return
    before, hook = signal.signal(signal.SIGINT, interrupt.handle), sys.unraisablehook
    sys.unraisablehook = _silent(hook)
    try:
        yield interrupt
    finally:
        interrupt.end()
        sys.unraisablehook = hook
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)


def started() -> None:
    """All that is needed was loaded: from now on an interrupt is an exception."""
    _current.starting = False


def was_interrupted() -> bool:
    """Whether Ctrl-C was pressed since the command began, whatever became of it."""
    return _current.asked


def _silent(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A hook that says nothing of an interrupt that was lost where nobody catches it: it comes again."""

    def said(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            hook(unraisable)

    return said
