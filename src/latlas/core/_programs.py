"""Compiled programs of work that is done: dropped before the process runs out of memory maps.

On Linux a process may have 65,530 maps, every program takes several, and JAX keeps all that it ever compiled: the
programs of some ninety models of different shapes are the end of the process, in a compiler that gets no memory.
"""

import ctypes
import gc
import sys
import time
from pathlib import Path

import equinox as eqx
import jax

_MAPS, _MOST = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")
_SHARE = 0.25  # of the maps that a process may have
# what `jax.clear_caches` passes by (0.9.2): trees and shapes of the arguments of every program, half a megabyte a fit
_LEFT = (
    ("jax._src.api_util", "donation_vector", "cache_clear"),
    ("jax._src.pjit", "_seen_qdds", "clear"),
)
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
    if time.monotonic() - _last_look < _SECONDS:
        return False
    _last_look = time.monotonic()
    if num_maps() < _SHARE * _most_maps():
        return False
    eqx.clear_caches()  # its shapes of programs, before the programs themselves
    jax.clear_caches()
    _clear_what_jax_leaves()
    gc.collect()  # what is left of the programs holds itself in cycles
    _return_freed_memory()
    _last_look = time.monotonic()  # dropping may take as long itself
    return True


def _clear_what_jax_leaves() -> None:
    for module, name, clear in _LEFT:
        getattr(getattr(sys.modules.get(module), name, None), clear, lambda: None)()


def _return_freed_memory() -> None:
    """Asks the C library for the pages that the programs had: it keeps hundreds of megabytes for itself."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return  # only glibc has it


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
