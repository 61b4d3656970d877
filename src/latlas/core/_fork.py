"""Processes that were forked from one that had used JAX: refused, because they would wait for ever."""

import os

from jax._src import xla_bridge

from latlas.core._errors import RequestError

_forked_from_jax = False


def check_process() -> None:
    """Refuses to compute in a process that was forked after JAX had been used.

    A fork copies one thread, and JAX computes with others: the first computation of such a process never ends.

    Raises:
        RequestError: with the cure.
    """
    if _forked_from_jax:
        raise RequestError(
            "This process was forked from one that had used JAX, and a computation in it would never end. Start processes "
            'by multiprocessing.get_context("spawn"), or use JAX in none before the fork.'
        )


def _after_fork() -> None:
    global _forked_from_jax
    # JAX has no public name for it; where it is gone, nothing is refused
    used = getattr(xla_bridge, "backends_are_initialized", lambda: False)
    _forked_from_jax = _forked_from_jax or used()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
