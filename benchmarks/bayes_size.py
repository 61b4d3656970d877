"""A logistic regression with ten million rows in a memory-mapped file: errors, seconds and peak memory of a fit.

The truth is Newton's method over all rows, whose Gaussian is the posterior to far below the errors measured here.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._bayes_rows import load, newton
from benchmarks._race import ROOT, child_variables
from benchmarks._results import show, verdict, write

MEMORY_GOAL, MEAN_GOAL, SD_GOAL = 2e9, 0.2, 0.3


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks bayes_size", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--batch-size", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="for the files (84 bytes a row); else a temporary one")
    parser.add_argument("--limit", type=float, default=1800, help="seconds for the fit")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(f"  writing {options.rows:,} rows", file=sys.stderr, flush=True)
        _child("_bayes_rows", folder, str(options.rows))
        print("  Newton's method over all of them", file=sys.stderr, flush=True)
        mean, sd = newton(*load(Path(folder)))
        print("  the fit", file=sys.stderr, flush=True)
        tail = [folder, str(options.batch_size), str(options.seed)]
        found = json.loads(_child("_bayes_rows_fit", *tail, limit=options.limit))
    board = goals(found, mean, sd)
    figures = ["figure", "measured", "goal", "verdict"]
    show(
        f"Logistic regression, {options.rows:,} rows",
        figures,
        [[str(cell) for cell in row.values()] for row in board],
    )
    print(f"{found['verdict']}\n{found['seconds']:.1f} s, {found['gradients']} gradients")
    print(
        "written:",
        write("bayes_size", {"rows": options.rows, "batch": options.batch_size, **found, "goals": board}),
    )
    return 0 if all(row["verdict"] != "not reached" for row in board) else 1


def goals(found: dict[str, Any], mean: np.ndarray, sd: np.ndarray) -> list[dict[str, str]]:
    """Memory is always asked for; small errors of the means are where these, of the sds where all is trusted."""
    means, ratios = (np.array(found["mean"]) - mean) / sd, np.array(found["sd"]) / sd
    trusted = found["verdict"].startswith("trust")
    means_trusted = trusted or found["verdict"].startswith("means only")
    asked = [
        (
            "peak resident memory, GB, pages of the file included",
            found["resident"] / 1e9,
            MEMORY_GOAL / 1e9,
            True,
        ),
        ("peak anonymous memory, GB", found["anonymous"] / 1e9, MEMORY_GOAL / 1e9, True),
        ("largest error of a mean, sds", float(np.abs(means).max()), MEAN_GOAL, means_trusted),
        ("rms error of the means, sds", float(np.sqrt(np.mean(means**2))), MEAN_GOAL / 2, means_trusted),
        ("largest relative error of an sd", float(np.abs(ratios - 1).max()), SD_GOAL, trusted),
    ]
    return [{"figure": figure, "value": f"{value:.3f}", "goal": f"<= {goal:g}",
             "verdict": verdict(value, goal) if counts else "not claimed"}
            for figure, value, goal, counts in asked]  # fmt: skip


def _child(module: str, *arguments: str, limit: float | None = None) -> str:
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    variables = child_variables()
    try:
        done = subprocess.run(
            command, check=True, cwd=ROOT, env=variables, stdout=subprocess.PIPE, timeout=limit
        )
    except subprocess.TimeoutExpired:
        raise SystemExit(f"{module} was killed after {limit:g} s.") from None
    except subprocess.CalledProcessError as error:
        raise SystemExit(
            f"{module} ended with status {error.returncode}; what it said stands above."
        ) from None
    return done.stdout.decode()
