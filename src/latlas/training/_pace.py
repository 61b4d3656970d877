"""How long a compiled call may be: the host wakes twice a second, for signals, progress, checkpoints."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

STRETCH_SECONDS = 0.5


class Pace:
    """Learns how many rounds of a compiled loop take half a second.

    It begins with one round and at most doubles, so that a slow model is never asked for many rounds
    unmeasured and the call that compiles does not pass for a slow one for long.
    """

    def __init__(self) -> None:
        self._rounds = 1

    @contextmanager
    def stretch(self, remaining: int) -> Iterator[int]:
        """The number of rounds to do inside the `with`, at most `remaining`; their time is learned from."""
        rounds = min(self._rounds, remaining)
        started = time.monotonic()
        yield rounds
        per_round = max(time.monotonic() - started, 1e-6) / rounds
        self._rounds = max(1, min(2 * self._rounds, int(STRETCH_SECONDS / per_round)))
