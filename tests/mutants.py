"""Do the tests notice small faults? `make test-mutants` plants those of `mutants.toml`, one at a time.

A sign, a factor, a missing determinant, a limit compared the wrong way round: each is one replacement in one place of
`src/latlas`, in a copy of the tree, on which the tests named beside it run. Printed is which were killed, which survived,
and which are stale because their old text is gone. Exit code 1: more than a tenth survive, or any is stale.
"""

import argparse
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEAST_KILLED = 0.9
LEAST_PLANTED = 40
SECONDS = 600  # of one run of tests: a fault may make a loop endless
PASSED, FAILED = 0, 1  # exit codes of pytest; all others mean that no test ran
COPIED = ("src", "tests", "docs", "benchmarks", "examples", "pyproject.toml", "constraints.txt", "README.md")


@dataclass(frozen=True)
class Mutant:
    name: str
    where: str
    old: str
    new: str
    tests: tuple[str, ...]

    def place(self, root: Path) -> Path:
        """The one file in which the old text stands exactly once."""
        folder = root / "src" / "latlas" / self.where
        files = sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]
        found = [(path, path.read_text().count(self.old)) for path in files if path.is_file()]
        found = [(path, count) for path, count in found if count]
        if len(found) != 1 or found[0][1] != 1:
            times = sum(count for _, count in found)
            raise LookupError(
                f"its old text stands {times} times in src/latlas/{self.where}; once was expected"
            )
        return found[0][0]

    def stale(self) -> str | None:
        """Why this fault can no longer be planted."""
        missing = [test for test in self.tests if not (ROOT / test.partition("::")[0]).is_file()]
        if missing or not self.tests:
            return f"there are no tests {', '.join(missing)}"
        try:
            self.place(ROOT)
        except LookupError as error:
            return str(error)
        return None


def read_mutants() -> list[Mutant]:
    rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())["mutant"]
    return [Mutant(**row | {"tests": tuple(row["tests"])}) for row in rows]


def run_tests(tree: Path, tests: tuple[str, ...], seconds: int = SECONDS) -> int:
    """Exit code of pytest on a copy of the tree; a run without an end counts as failed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", *tests]
    # child processes, too, must import the copy
    environment = os.environ | {"PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree}"}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return FAILED
    if done.returncode not in (PASSED, FAILED):
        raise RuntimeError(
            f"pytest ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-1000:]}"
        )
    return done.returncode


def survives(mutant: Mutant, tree: Path) -> bool:
    """Plants the fault in the copy, runs its tests and takes it out again."""
    path = mutant.place(tree)
    before, times = path.read_text(), path.stat()
    try:
        path.write_text(before.replace(mutant.old, mutant.new))
        return run_tests(tree, mutant.tests) == PASSED
    finally:
        path.write_text(before)
        # the compiled file is told by time and size, and a fault may be as long as what it replaces
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def copy_tree(target: Path) -> Path:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("_build"))
        else:
            shutil.copy2(ROOT / name, target / name)
    return target


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Plants small faults and says which the tests do not notice."
    )
    parser.add_argument("--only", default="", help="those faults whose name or place contains this text")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once, each in a copy of its own")
    options = parser.parse_args()
    every = read_mutants()
    if stale := {mutant.name: why for mutant in every if (why := mutant.stale())}:
        print(*(f"STALE     {name}: {why}." for name, why in stale.items()), sep="\n")
        return 1
    mutants = [mutant for mutant in every if options.only in f"{mutant.name} {mutant.where}"]
    with (
        tempfile.TemporaryDirectory(prefix="latlas-mutants-") as folder,
        ThreadPoolExecutor(options.jobs) as pool,
    ):
        trees = queue.SimpleQueue()
        for number in range(options.jobs):
            trees.put(copy_tree(Path(folder, str(number))))

        def on_a_tree(work):
            tree = trees.get()
            try:
                return work(tree)
            finally:
                trees.put(tree)

        # tests that fail anyway would kill everything
        every_test = tuple(sorted({test for mutant in mutants for test in mutant.tests}))
        if on_a_tree(lambda tree: run_tests(tree, every_test, 10 * SECONDS)) != PASSED:
            print(f"The tests fail without a fault planted. Mend them first: pytest {' '.join(every_test)}")
            return 1
        killed = 0
        results = pool.map(lambda mutant: on_a_tree(lambda tree: survives(mutant, tree)), mutants)
        for mutant, survived in zip(mutants, results, strict=True):
            killed += not survived
            print(f"{'SURVIVED' if survived else 'killed':<9} {mutant.where}: {mutant.name}", flush=True)
    print(f"{killed} of {len(mutants)} faults were noticed; at least {LEAST_KILLED:.0%} must be.")
    too_few = not options.only and len(mutants) < LEAST_PLANTED
    return int(too_few or killed < LEAST_KILLED * len(mutants))


if __name__ == "__main__":
    sys.exit(main())
