"""Signals as requests: finish the step, save, leave."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# SIGUSR1 is what Slurm sends before its time limit (--signal=USR1@120)
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR1") if hasattr(signal, name))


class Interruption:
    """Which signal came, if one did."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __bool__(self) -> bool:
        return self.signal is not None

    def _handle(self, number: int, frame: object) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt  # the second Ctrl-C means now
        self.signal = signal.Signals(number)


@contextmanager
def interruption(*, enabled: bool = True) -> Iterator[Interruption]:
    """While inside, SIGTERM, SIGINT and SIGUSR1 only set a flag.

    In a thread other than the main one nothing changes, as Python hands signals to the main thread alone.

    Args:
        enabled: `False` leaves the signals alone: where nothing can be saved, Ctrl-C ends a run as it ends
            any program.
    """
    request = Interruption()
    if not enabled or threading.current_thread() is not threading.main_thread():
        yield request
        return
    previous = {number: signal.signal(number, request._handle) for number in _SIGNALS}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            # None: a handler that was not set from Python, which Python cannot set again
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
