"""What every test shares: a supply of keys, and the data sets where a checkout has them."""

# Two checks that one would like here and that were tried (they cost nothing measurable): jaxtyping's import hook with
# beartype fails where tests give NumPy arrays to signatures that say `Array`; `jax_numpy_rank_promotion = "raise"` fails
# inside NumPyro's densities and in closed forms of KL that broadcast by design. Run either by hand:
#   pytest --jaxtyping-packages=latlas,beartype.beartype        JAX_NUMPY_RANK_PROMOTION=raise pytest

import contextlib
import itertools
import os
from pathlib import Path

import jax
import jax.random as jr
import pytest

# Most tests compile many programs and run each for moments: XLA's optimisations cost more than they save. Here and in the
# processes that tests start; `JAX_DISABLE_MOST_OPTIMIZATIONS=0 make test` compiles as users do.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
jax.config.update(
    "jax_disable_most_optimizations", os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"].lower() in ("1", "true")
)

# a process may have 65,530 memory maps on Linux; every compiled program takes some, and without one more the compiler
# dies of a segmentation fault
_MANY_MAPS = 25_000
_MAPS = Path("/proc/self/maps")


@pytest.fixture(autouse=True, scope="module")
def programs_that_are_done_are_dropped():
    """Forgets compiled programs between test files before their memory maps run out."""
    yield
    if _MAPS.exists() and len(_MAPS.read_bytes().splitlines()) > _MANY_MAPS:
        jax.clear_caches()


@contextlib.contextmanager
def optimised_programs():
    """Where programs run for long: they are compiled as users compile them."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(autouse=True, scope="module")
def files_that_run_for_long_are_optimised(request):
    """`pytestmark = pytest.mark.optimised`: the fixtures of the file as well."""
    marked = request.node.get_closest_marker("optimised")
    with optimised_programs() if marked else contextlib.nullcontext():
        yield


@pytest.fixture(autouse=True)
def tests_that_run_for_long_are_optimised(request):
    """`@pytest.mark.optimised` on a test; what is slow trains, and is so by itself."""
    marks = request.node.get_closest_marker
    with optimised_programs() if marks("optimised") or marks("slow") else contextlib.nullcontext():
        yield


@pytest.fixture
def getkey():
    """A function that gives another key at every call, the same ones in every run of a test."""
    numbers = itertools.count()
    return lambda: jr.key(next(numbers))


@pytest.fixture(scope="session")
def latlas_data():
    """The folder of data sets that `LATLAS_DATA` names; tests that need it are skipped elsewhere."""
    folder = os.environ.get("LATLAS_DATA")
    if not folder:
        pytest.skip("LATLAS_DATA is not set: it names the folder of data sets that this test reads")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"LATLAS_DATA names {folder}, which is no folder. Correct or unset it.")
    return path
