"""W3: mean-field fits of a logistic regression and of a hierarchy, beside NumPyro's AutoNormal with 10,000 steps.

All run on one core, in turn, and are compared by CPU seconds and by their errors against a long run of NUTS.
NumPyro computes in float32, as it does unless told otherwise; `latlas.bayes` in float64, as it always does.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks._bayes_problems import PROBLEMS
from benchmarks._bayes_reference import reference
from benchmarks._race import Contender, Laps, race
from benchmarks._results import show, verdict, write

CONTENDERS = {"latlas dadvi": "latlas", "NumPyro svi.run": "svi", "NumPyro, loop kept": "loop"}
SPEED_GOAL, SD_GOAL = 1 / 15, 0.05


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks bayes_speed", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--problems", default=",".join(PROBLEMS), help="names with a comma between")
    parser.add_argument("--reference-draws", type=int, default=10_000, help="of each of four chains")
    options = parser.parse_args(arguments)
    found = {}
    for name in options.problems.split(","):
        truth = reference(name, options.reference_draws)
        print(f"W3 {name} on one core, {options.rounds} rounds", file=sys.stderr, flush=True)
        contenders = [
            Contender(
                label,
                "_bayes_contender",
                arguments=[kind, name],
                variables={"JAX_ENABLE_COMPILATION_CACHE": "0"},
            )
            for label, kind in CONTENDERS.items()
        ]
        rows = {
            label: figures(laps, truth)
            for label, laps in race(contenders, rounds=options.rounds, cores="1").items()
        }
        kept = rows.get("NumPyro, loop kept")
        if kept and "NumPyro svi.run" in rows:
            # its second call traces and compiles again, so that first less second would say nothing
            rows["NumPyro svi.run"]["compile"] = rows["NumPyro svi.run"]["first"] - kept["cpu"]
        found[name] = {
            "contenders": rows,
            "goals": goals(rows),
            "reference": {key: float(truth[key]) for key in ("effective", "r_hat")},
        }
        _print(name, found[name])
    print("written:", write("bayes_speed", {"workload": "W3", **found}))
    return 0


def figures(laps: Laps, truth: dict[str, np.ndarray]) -> dict[str, Any]:
    """CPU seconds, and errors averaged over the laps: of means in sds (rms), of sds relative (rms and largest)."""
    cpu = laps.median("fit_cpu")
    low, high = laps.spread("fit_cpu")
    means, sds = (np.array([lap[key] for lap in laps.laps]) for key in ("mean", "sd"))
    relative = sds / truth["sd"] - 1
    row = {
        "cpu": cpu, "least": low, "most": high, "first": laps.start["fit_cpu"], "compile": laps.start["fit_cpu"] - cpu,
        "background": laps.median("background"),
        "mean_rms": _rms((means - truth["mean"]) / truth["sd"]),
        "sd_rms": _rms(relative), "sd_max": float(np.abs(relative).max(1).mean()),
    }  # fmt: skip
    if "repaired" in laps.laps[0]:
        repaired = np.array([lap["repaired"] for lap in laps.laps]) / truth["sd"] - 1
        row |= {"repaired_rms": _rms(repaired), "repaired_max": float(np.abs(repaired).max(1).mean())}
        row |= {key: laps.laps[-1][key] for key in ("verdict", "gradients")}
    return row


def goals(rows: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What is asked of ours beside `svi.run`; empty where one of them failed."""
    if not {"latlas dadvi", "NumPyro svi.run"} <= set(rows):
        return []
    ours, theirs = rows["latlas dadvi"], rows["NumPyro svi.run"]
    asked = [
        ("CPU seconds, ours / svi.run, warm", ours["cpu"] / theirs["cpu"], SPEED_GOAL),
        ("compile, ours / svi.run", ours["compile"] / theirs["compile"], 1.0),
        ("rms error of means, ours / svi.run", ours["mean_rms"] / theirs["mean_rms"], 1.0),
        ("rms error of sds, ours / svi.run", ours["sd_rms"] / theirs["sd_rms"], 1.0),
        ("largest error of linear-response sds", ours["repaired_max"], SD_GOAL),
    ]
    return [{"figure": figure, "value": value, "goal": f"<= {goal:.3g}", "verdict": verdict(value, goal)}
            for figure, value, goal in asked]  # fmt: skip


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _print(name: str, found: dict[str, Any]) -> None:
    rows = []
    for label, row in found["contenders"].items():
        repaired = f"{row['repaired_rms']:.3f}, {row['repaired_max']:.3f}" if "repaired_rms" in row else ""
        rows.append([
            label, f"{row['cpu']:.3f}", f"{row['least']:.3f}-{row['most']:.3f}", f"{row['first']:.2f}",
            f"{row['compile']:.2f}", f"{row['mean_rms']:.3f}", f"{row['sd_rms']:.3f}, {row['sd_max']:.3f}", repaired,
        ])  # fmt: skip
    columns = [
        "contender",
        "CPU s warm",
        "range",
        "first",
        "compile",
        "mean rms",
        "sd rms, max",
        "repaired sd",
    ]
    truth = found["reference"]
    show(
        f"W3 {name}; NUTS: effective size {truth['effective']:.0f}, R-hat {truth['r_hat']:.4f}", columns, rows
    )
    asked = [
        [goal["figure"], f"{goal['value']:.4f}", goal["goal"], goal["verdict"]] for goal in found["goals"]
    ]
    if asked:
        show("Goals", ["figure", "measured", "goal", "verdict"], asked)
