"""Clocks for a machine that others use too, and the loop in which a contender answers its referee.

Standard library only: every peer imports this file in its own environment.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()


class Clock:
    """Times a block: wall and CPU seconds, and how many cores *other* processes used meanwhile.

    CPU seconds of a process pinned to one core do not count the time that others took from it, which makes
    them the figure to compare on a shared machine. Wall seconds need the background load beside them.
    """

    def __enter__(self) -> "Clock":
        self._busy, self._own = _busy_seconds(), sum(os.times()[:4])
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        self.cpu, self.wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        others = _busy_seconds() - self._busy - (sum(os.times()[:4]) - self._own)
        self.background = max(0.0, others / max(self.wall, 1e-9))

    def seconds(self, units: int = 1) -> dict[str, float]:
        """The three figures, ready for JSON; both times per piece, of `units` equal pieces."""
        return {
            "cpu": round(self.cpu / units, 5),
            "wall": round(self.wall / units, 5),
            "background": round(self.background, 2),
        }


def _busy_seconds() -> float:
    """Seconds all cores together have worked since the machine started (Linux; elsewhere 0)."""
    try:
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except OSError:
        return 0.0
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def num_cores() -> int:
    """How many cores this process may use: what every thread pool is set to."""
    return len(os.sched_getaffinity(0))


def serve(repetition: Callable[[], dict[str, Any]]) -> None:
    """Run `repetition` once unmeasured, then once, timed, for every line on standard input.

    Each answer is one line of JSON: the clock's figures and whatever `repetition` returned; where that has
    `units`, the times are divided by it (epochs of one call, say). What libraries print goes to standard
    error, so that nothing else stands on standard output.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    first = repetition()
    ready = {
        "ready_cpu": round(time.process_time(), 3),
        "ready_wall": round(time.perf_counter() - STARTED, 3),
    }
    print(json.dumps({**ready, **first}), file=answers, flush=True)
    for _ in sys.stdin:
        with Clock() as clock:
            found = repetition()
        print(json.dumps({**clock.seconds(found.pop("units", 1)), **found}), file=answers, flush=True)
