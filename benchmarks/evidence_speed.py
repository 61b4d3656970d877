"""W4: seconds for the importance-weighted log p(x) of 10,000 digits with 5,000 samples each, beside PyTorch.

The decoder is 50-200-200-784. A few images are timed and the time is scaled up. All contenders load the same
trained weights, so that their mean log p(x) must agree, and bf16 is judged against f32 on a trained model.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence

from benchmarks._race import RESULTS, ROOT, Contender, Laps, child_variables, race
from benchmarks._results import show, verdict, write

GOALS = (("latlas f32", "torch f32", 0.75), ("latlas bf16", "torch bf16", 0.7))
# bf16 must not move the figure one reports: papers give it to 0.01 nats, their standard error is about 0.2
BF16_TOLERANCE = 0.05


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks evidence_speed", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=20, help="how many images are timed")
    parser.add_argument("--cores", choices=("one", "two", "both"), default="both")
    options = parser.parse_args(arguments)
    weights = RESULTS / "w4_weights.npz"
    if not weights.exists():
        print("training the model whose evidence is estimated (once)", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "benchmarks.ours.w4_weights", str(weights)]
        subprocess.run(command, check=True, cwd=ROOT, env=child_variables())
    tail = [str(weights), str(options.images)]
    contenders = [
        Contender(f"{name} {mode}", module, environment, [mode, *tail])
        for mode in ("f32", "bf16")
        for name, module, environment in (
            ("latlas", "ours.w4_latlas", ""),
            ("torch", "peers.w4_torch", "torch"),
        )
    ]
    found = {}
    for cores, label, key in (("1", "one", "cpu"), ("0,1", "two", "wall")):
        if options.cores in (label, "both"):
            print(f"W4 on {label} core(s), {options.rounds} rounds", file=sys.stderr, flush=True)
            results = race(contenders, rounds=options.rounds, cores=cores)
            found[label] = _summary(results, key, 10_000 / options.images)
            _print(found[label], label, key)
    print("written:", write("evidence_speed", {"workload": "W4", **found}))
    return 0


def _summary(results: dict[str, Laps], key: str, scale: float) -> dict:
    summary: dict = {"unit": f"{key} seconds for 10,000 images", "contenders": {}, "goals": []}
    for name, laps in results.items():
        low, high = laps.spread(key)
        summary["contenders"][name] = {
            "seconds": scale * laps.median(key), "least": scale * low, "most": scale * high,
            "background": laps.median("background"), "log_evidence": laps.median("log_evidence"),
        }  # fmt: skip
    rows = summary["contenders"]
    for ours, peer, goal in GOALS:
        if ours in rows and peer in rows:
            ratio = rows[ours]["seconds"] / rows[peer]["seconds"]
            summary["goals"].append({"figure": f"{ours} / {peer}", "value": ratio, "goal": f"<= {goal}",
                                     "verdict": verdict(ratio, goal)})  # fmt: skip
    if "latlas f32" in rows and "latlas bf16" in rows:
        # the first lap of both draws the same samples
        first = [results[name].laps[0]["log_evidence"] for name in ("latlas f32", "latlas bf16")]
        error = abs(first[1] - first[0])
        judged = verdict(error, BF16_TOLERANCE)
        summary["goals"].append({"figure": "bf16 - f32, same draws, nats", "value": error,
                                 "goal": f"<= {BF16_TOLERANCE}", "verdict": judged})  # fmt: skip
    return summary


def _print(summary: dict, label: str, key: str) -> None:
    rows = [
        [name, f"{row['seconds']:.0f}", f"{row['least']:.0f}-{row['most']:.0f}", f"{row['background']:.2f}",
         f"{row['log_evidence']:.3f}"]
        for name, row in summary["contenders"].items()
    ]  # fmt: skip
    clock = "CPU s" if key == "cpu" else "wall s"
    show(
        f"W4, {label} core(s)",
        ["contender", f"{clock} for 10,000", "range", "others' load", "log p(x)"],
        rows,
    )
    goals = [
        [goal["figure"], f"{goal['value']:.3f}", goal["goal"], goal["verdict"]] for goal in summary["goals"]
    ]
    show("Goals", ["figure", "measured", "goal", "verdict"], goals)
