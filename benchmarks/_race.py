"""A race: contenders as child processes, measured in turn (A B C A B C), compared by their medians."""

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks._environments import python_of

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def child_variables(*, ours: bool = True, root: Path = ROOT) -> dict[str, str]:
    """The environment variables of a child: this repository on the path, for our own also `src`; or another checkout.

    Python's bytecode is kept, as it is for a user: without it every start compiles our sources again.
    """
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    own = [str(root), str(root / "src")]
    paths = [*own, *inherited] if ours else [str(root)]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


@dataclass(frozen=True)
class Contender:
    """One program of a race.

    Attributes:
        name: as printed and as key of the results.
        module: module below `benchmarks` that calls `serve`, such as `peers.w1_torch`.
        environment: name of a peer's environment; empty for the interpreter that runs the race.
        arguments: command line of the module.
        variables: of the environment, beside those of every child.
        root: the checkout that it runs.
    """

    name: str
    module: str
    environment: str = ""
    arguments: Sequence[str] = ()
    variables: dict[str, str] = field(default_factory=dict)
    root: Path = ROOT

    def start(self, cores: str, log: Path) -> subprocess.Popen[str]:
        """Start the child on the given cores (`"1"`, `"0,1"`); what it says goes to `log`."""
        python = str(python_of(self.environment)) if self.environment else sys.executable
        command = [python, "-m", f"benchmarks.{self.module}", *self.arguments]
        if shutil.which("taskset"):
            command = ["taskset", "-c", cores, *command]
        variables = {**child_variables(ours=not self.environment, root=self.root), **self.variables}
        return subprocess.Popen(
            command, cwd=self.root, env=variables, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=log.open("w"),
        )  # fmt: skip


@dataclass
class Laps:
    """What a contender answered: its start, then one record per lap."""

    start: dict[str, Any]
    laps: list[dict[str, Any]] = field(default_factory=list)

    def median(self, key: str) -> float:
        """Median over the laps of one of the recorded figures."""
        return statistics.median(lap[key] for lap in self.laps)

    def spread(self, key: str) -> tuple[float, float]:
        """Smallest and largest over the laps."""
        values = [lap[key] for lap in self.laps]
        return min(values), max(values)


def race(contenders: Sequence[Contender], *, rounds: int, cores: str) -> dict[str, Laps]:
    """Start every contender, let each warm up, then measure them in turn `rounds` times.

    A contender that fails is reported with the end of its log and left out; the race goes on.
    """
    logs = RESULTS / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    children: dict[str, subprocess.Popen[str]] = {}
    results: dict[str, Laps] = {}
    try:
        for contender in contenders:
            log = logs / f"{contender.name.replace(' ', '_')}.log"
            child = contender.start(cores, log)
            children[contender.name] = child
            answer = _answer(child)
            if answer is None:
                tail = log.read_text().strip().rsplit("\n", 1)[-1]
                print(f"  {contender.name}: failed to start ({tail})", file=sys.stderr, flush=True)
                continue
            results[contender.name] = Laps(answer)
            print(
                f"  {contender.name}: ready after {answer['ready_cpu']:.1f} CPU s",
                file=sys.stderr,
                flush=True,
            )
        for _ in range(rounds):
            for name in list(results):
                lap = _ask(children[name])
                if lap is None:
                    print(f"  {name}: died during the race", file=sys.stderr, flush=True)
                    del results[name]
                else:
                    results[name].laps.append(lap)
    finally:
        for child in children.values():
            child.kill()
            child.wait()
    return results


def _ask(child: subprocess.Popen[str]) -> dict[str, Any] | None:
    assert child.stdin is not None
    try:
        child.stdin.write("lap\n")
        child.stdin.flush()
    except BrokenPipeError:
        return None
    return _answer(child)


def _answer(child: subprocess.Popen[str]) -> dict[str, Any] | None:
    assert child.stdout is not None
    line = child.stdout.readline()
    return json.loads(line) if line else None
