"""What latlas needs of the platform below it, and the one release series that does not give it.

jax 0.10.0 to 0.10.2 never return on the CPU from programs with several batched Cholesky factorisations, so they are
excluded, and a child process with a time limit asks whether the installed one returns.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

import jax
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
TIME_LIMIT = 120  # seconds; 0.9.2 needs about three, the import of jax among them

CHOLESKY_PROGRAM = """
import jax, jax.numpy as jnp

a = jax.random.normal(jax.random.key(0), (248, 20, 20))
matrices = a @ a.swapaxes(-1, -2) + 20 * jnp.eye(20)

@jax.jit
def factorise(matrices):
    return sum(jnp.linalg.cholesky(matrices + i * jnp.eye(20)) for i in range(16))

for _ in range(100):
    result = factorise(matrices)
print(bool(jnp.isfinite(jax.block_until_ready(result)).all()))
"""


def jax_requirement():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return next(r for r in map(Requirement, project["dependencies"]) if r.name == "jax")


@pytest.mark.parametrize("version", ["0.10.0", "0.10.1", "0.10.2", "0.10.9", "0.9.1"])
def test_releases_of_jax_that_hang_or_are_too_old_are_excluded(version):
    assert not jax_requirement().specifier.contains(version)


@pytest.mark.parametrize("version", ["0.9.2", "0.11.0", jax.__version__])
def test_other_releases_of_jax_are_allowed(version):
    assert jax_requirement().specifier.contains(version)


def test_the_lock_holds_an_allowed_jax():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    locked = [line.split()[0].removeprefix("jax==") for line in lines if line.startswith("jax==")]
    assert locked
    assert all(jax_requirement().specifier.contains(version) for version in locked)


def test_many_batched_cholesky_factorisations_end():
    try:
        child = subprocess.run(
            [sys.executable, "-c", CHOLESKY_PROGRAM],
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.fail(
            f"jax {jax.__version__} did not finish 1,600 batched Cholesky factorisations in {TIME_LIMIT} s on the CPU: "
            "it deadlocks, and must be excluded in pyproject.toml."
        )
    assert child.stdout.strip() == "True", child.stderr
