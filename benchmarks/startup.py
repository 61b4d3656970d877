"""How long a user waits: `import latlas`, `latlas --help`, the first training step, a second fit.

CPU seconds of whole processes on one core, median; the first run of each only warms the disk and the caches.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks._race import ROOT, child_variables
from benchmarks._results import show, verdict, write

# `latlas --help` without an installed script: the same entry point
HELP = "import sys; sys.argv = ['latlas', '--help']; from latlas.cli import main; main()"
FIRST_STEP = [sys.executable, "-m", "benchmarks.ours.first_step"]
TAKE_ATLAS = [sys.executable, "-c", "import latlas; latlas.Atlas"]
GOALS = {"import latlas, take Atlas": 1.5, "latlas --help": 0.5, "start to first step, cached": 1.5}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    script = Path(sys.executable).with_name("latlas")
    commands = {
        "import latlas": [sys.executable, "-c", "import latlas"],
        "import latlas, take Atlas": TAKE_ATLAS,
        "latlas --help": [str(script), "--help"] if script.exists() else [sys.executable, "-c", HELP],
    }
    figures: dict[str, dict] = {}
    for name, command in commands.items():
        laps = [timed(command) for _ in range(options.rounds + 1)][1:]
        figures[name] = {key: statistics.median(lap[key] for lap in laps) for key in ("cpu", "wall")}
    with tempfile.TemporaryDirectory() as cache:
        laps = [timed(FIRST_STEP, cache_at(cache)) for _ in range(options.rounds + 1)]
    answers = [json.loads(lap["output"]) for lap in laps]
    compiled = answers[-1]["compiled_in_second_fit"]
    figures["start to first step, empty cache"] = {"cpu": answers[0]["cpu"]}
    figures["start to first step, cached"] = {
        "cpu": statistics.median(answer["cpu"] for answer in answers[1:])
    }
    rows = []
    for name, seconds in figures.items():
        goal = GOALS.get(name)
        seconds["verdict"] = "" if goal is None else verdict(seconds["cpu"], goal)
        limit = "" if goal is None else f"<= {goal}"
        wall = f"{seconds['wall']:.2f}" if "wall" in seconds else ""
        rows.append([name, f"{seconds['cpu']:.2f}", wall, limit, seconds["verdict"]])
    found = verdict(compiled, 0)
    rows.append(["programs compiled by a second fit", str(compiled), "", "0", found])
    show("Start-up, one core", ["what", "CPU s", "wall s", "goal (CPU)", "verdict"], rows)
    figures["programs compiled by a second fit"] = {"value": compiled, "verdict": found}
    print("written:", write("startup", figures))
    return 0


def cache_at(folder: str) -> dict[str, str]:
    """The variables with which a process keeps every compiled program in that folder."""
    return {
        "JAX_COMPILATION_CACHE_DIR": folder,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def timed(command: list[str], variables: dict[str, str] | None = None, root: Path = ROOT) -> dict:
    """CPU and wall seconds of a whole process, from its start to its end, and its output."""
    if shutil.which("taskset"):
        command = ["taskset", "-c", "1", *command]
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        child = subprocess.Popen(
            command,
            cwd=root,
            env=child_variables(root=root) | (variables or {}),
            stdout=output,
            stderr=subprocess.PIPE,
        )
        message = child.stderr.read() if child.stderr else b""
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{command[-1]!r} failed: {message.decode().strip()[-500:]}")
        output.seek(0)
        return {"cpu": usage.ru_utime + usage.ru_stime, "wall": wall, "output": output.read()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
