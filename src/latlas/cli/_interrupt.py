"""Ctrl-C that is not lost: what swallows the first one is interrupted again until the command ends.

Python raises `KeyboardInterrupt` wherever it happens to be. In a callback of JAX, in the collector of garbage or in an
import that goes on without a part, it is caught or printed by others, and the work would go on to the end.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SECONDS = 1.0  # between two interrupts: a cleanup takes less


class Interrupt:
    """Whether Ctrl-C was pressed.

    Attributes:
        asked: whether it was.
    """

    def __init__(self) -> None:
        self.asked = False
        self._over = threading.Event()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Raises `KeyboardInterrupt`, now and again."""
        if not self.asked:
            self.asked = True
            threading.Thread(target=self._repeat, daemon=True).start()
        if not self._over.is_set():
            raise KeyboardInterrupt

    def end(self) -> None:
        """It arrived, or there is nothing left to interrupt."""
        self._over.set()

    def _repeat(self) -> None:
        main = threading.main_thread().ident
        assert main is not None  # it runs
        while not self._over.wait(SECONDS):
            signal.pthread_kill(main, signal.SIGINT)


_current = Interrupt()


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """While inside, Ctrl-C cannot be lost. In a thread other than the main one, which gets no signals, nothing changes."""
    global _current
    _current = interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = signal.signal(signal.SIGINT, interrupt.handle)
    try:
        yield interrupt
    finally:
        interrupt.end()
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)


def was_interrupted() -> bool:
    """Whether Ctrl-C was pressed since the command began, whatever became of it."""
    return _current.asked
