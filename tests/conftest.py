"""What every test shares: a supply of keys, and the data sets where a checkout has them."""

# A check that one would like here and that was tried (it costs nothing measurable): `jax_numpy_rank_promotion = "raise"`
# fails inside NumPyro's densities and in closed forms of KL that broadcast by design. By hand:
#   JAX_NUMPY_RANK_PROMOTION=raise pytest

import contextlib
import gc
import itertools
import os
from pathlib import Path

import jax
import jax.random as jr
import jaxtyping
import pytest

# Most tests compile many programs and run each for moments: XLA's optimisations cost more than they save. Here and in the
# processes that tests start; `JAX_DISABLE_MOST_OPTIMIZATIONS=0 make test` compiles as users do. XLA's older emitters of
# fused loops, in one piece, compile in about half the time of the new ones; XLA reads these flags once, at the first use of
# a device, so that they hold for programs that are optimised, too.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
_COMPILES_QUICKLY = os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"].lower() in ("1", "true")
jax.config.update("jax_disable_most_optimizations", _COMPILES_QUICKLY)
if _COMPILES_QUICKLY:
    _FLAGS = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
    os.environ["XLA_FLAGS"] = f"{_FLAGS} {os.environ.get('XLA_FLAGS', '')}".strip()

# Tracing makes many objects and few cycles: to look for garbage as often as Python does by itself takes a sixth of the time.
gc.set_threshold(20_000, 20, 20)

# Annotations, shapes included, are checked at every call of what is defined in these folders, also while a program is
# traced. An int is a float, as everywhere in Python's typing. It costs a process about five seconds, to compile the checks.
# Left out: `estimators`, which scikit-learn's checks hand wrong types on purpose, and `cli`, whose parser reads its
# functions.
CHECKED = "core stats networks models sampling latent training data objectives report distributions evaluation bayes".split()
jaxtyping.install_import_hook(
    [f"latlas.{folder}" for folder in CHECKED],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",
)

_raises = pytest.raises


@contextlib.contextmanager
def _raises_by_itself(expected, **options):
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with _raises(expected, **options) as error:
            yield error
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


# what a test hands over to be refused may be of a wrong type, and the refusal must be our own, as users get it
pytest.raises = _raises_by_itself

# a process may have 65,530 memory maps on Linux; every compiled program takes some, and without one more the compiler
# dies of a segmentation fault; latlas drops them itself at a quarter, and here they go before, between two files
_MANY_MAPS = 15_000
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
