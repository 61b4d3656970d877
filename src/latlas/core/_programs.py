"""Compiled programs of work that is done: dropped before the process runs out of memory maps.

On Linux a process may have 65,530 maps, every program takes several, and JAX keeps all that it ever compiled: the
programs of some ninety models of different shapes are the end of the process, in a compiler that gets no memory.
"""

import gc
import time
from pathlib import Path

import jax

_MAPS, _MOST = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")
_SHARE = 0.25  # of the maps that a process may have
_SECONDS = 0.5  # between two looks: one takes milliseconds, and no compiler fills the rest within them

_last_look = 0.0


def drop_old_programs() -> bool:
    """Forgets all compiled programs where they hold a quarter of the memory maps that the process may have.

    Long work calls it before it begins. What runs meanwhile in another thread goes on, and is compiled again when it is
    called the next time. Where the system does not count maps, nothing is dropped.

    Returns:
        Whether programs were dropped.
    """
    global _last_look
    now = time.monotonic()
    if now - _last_look < _SECONDS:
        return False
    _last_look = now
    if num_maps() < _SHARE * _most_maps():
        return False
    jax.clear_caches()
    gc.collect()  # what is left of the programs holds itself in cycles
    return True


def num_maps() -> int:
    """Memory maps of this process; 0 where they are not counted."""
    try:
        return _MAPS.read_bytes().count(b"\n")
    except OSError:
        return 0


def _most_maps() -> float:
    try:
        return int(_MOST.read_text())
    except (OSError, ValueError):
        return float("inf")
