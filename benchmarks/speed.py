"""W1: seconds per epoch of a 784-512-20 VAE on 60,000 digits (uint8, batch 100, Adam), beside peers.

All contenders run in turn in one race: on one core, compared by CPU time, and on two, by wall time.
"""

import argparse
import sys
from collections.abc import Sequence

from benchmarks._race import Contender, Laps, race
from benchmarks._results import show, verdict, write
from benchmarks.ours.sgemm import FLOP_PER_STEP

STEPS_PER_EPOCH = 600
FLOOR = "sgemm"
CONTENDERS = (
    Contender(FLOOR, "ours.sgemm"),
    Contender("latlas f32", "ours.w1_latlas", arguments=["f32"]),
    Contender("bare scan", "ours.bare_scan"),
    Contender("torch fused", "peers.w1_torch", "torch", ["fused"]),
    Contender("torch default", "peers.w1_torch", "torch", ["default"]),
    Contender("pyro", "peers.w1_pyro", "pyro"),
    Contender("pythae", "peers.w1_pythae", "pythae"),
    Contender("latlas bf16", "ours.w1_latlas", arguments=["bf16"]),
    Contender("torch bf16", "peers.w1_torch", "torch", ["bf16"]),
)
# (ours, peer, largest allowed ratio of their times)
GOALS = (
    ("latlas f32", "pythae", 0.52),
    ("latlas f32", "pyro", 0.53),
    ("latlas f32", "torch default", 0.65),
    ("latlas f32", "torch fused", 0.80),
    ("latlas f32", "bare scan", 1.05),
    ("latlas bf16", "torch bf16", 1.0),
)
FLOOR_GOAL = 0.78


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks speed", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="measured epochs of each contender")
    parser.add_argument("--cores", choices=("one", "two", "both"), default="both")
    parser.add_argument("--contenders", help="comma-separated names; all by default")
    options = parser.parse_args(arguments)
    names = options.contenders.split(",") if options.contenders else [c.name for c in CONTENDERS]
    unknown = set(names) - {contender.name for contender in CONTENDERS}
    if unknown:
        parser.error(f"unknown contenders {sorted(unknown)}; there are {[c.name for c in CONTENDERS]}")
    chosen = [contender for contender in CONTENDERS if contender.name in names]
    found = {}
    for cores, label, key in (("1", "one", "cpu"), ("0,1", "two", "wall")):
        if options.cores in (label, "both"):
            print(f"W1 on {label} core(s), {options.rounds} rounds", file=sys.stderr, flush=True)
            results = race(chosen, rounds=options.rounds, cores=cores)
            found[label] = _summary(results, key)
            _print(found[label], label, key)
    print("written:", write("speed", {"workload": "W1", **found}))
    return 0


def _summary(results: dict[str, Laps], key: str) -> dict:
    """Medians of `key`, start-up, background load, losses, and each goal with what was found."""
    summary: dict = {"unit": f"{key} seconds per epoch", "contenders": {}, "goals": []}
    for name, laps in results.items():
        low, high = laps.spread(key)
        summary["contenders"][name] = {
            "seconds": laps.median(key), "least": low, "most": high, "start_cpu": laps.start["ready_cpu"],
            "background": laps.median("background"), "loss": laps.laps[-1].get("loss"),
        }  # fmt: skip
    seconds = {name: laps.median(key) for name, laps in results.items()}
    for ours, peer, goal in GOALS:
        if ours in seconds and peer in seconds:
            ratio = seconds[ours] / seconds[peer]
            summary["goals"].append({"figure": f"{ours} / {peer}", "value": ratio, "goal": f"<= {goal}",
                                     "verdict": verdict(ratio, goal)})  # fmt: skip
    if FLOOR in results:
        floor = results[FLOOR]
        peak = floor.median("peak")
        at_peak = FLOP_PER_STEP * STEPS_PER_EPOCH / peak / 1e9
        at_shapes = floor.median("step_seconds") * STEPS_PER_EPOCH
        summary["floor"] = {"gflops": peak, "seconds": at_peak, "seconds_at_layer_shapes": at_shapes}
        for name in ("latlas f32", "bare scan"):
            if name in seconds:
                share = at_peak / seconds[name]
                found = verdict(share, FLOOR_GOAL, at_least=True)
                summary["goals"].append({"figure": f"sgemm floor / {name}", "value": share,
                                         "goal": f">= {FLOOR_GOAL}", "verdict": found})  # fmt: skip
    return summary


def _print(summary: dict, label: str, key: str) -> None:
    rows = [
        [name, f"{row['seconds']:.2f}", f"{row['least']:.2f}-{row['most']:.2f}", f"{row['start_cpu']:.1f}",
         f"{row['background']:.2f}", "" if row["loss"] is None else f"{row['loss']:.2f}"]
        for name, row in summary["contenders"].items() if name != FLOOR
    ]  # fmt: skip
    clock = f"{'CPU' if key == 'cpu' else 'wall'} s/epoch"
    show(
        f"W1, {label} core(s)",
        ["contender", clock, "range", "first epoch, CPU s", "others' load", "loss"],
        rows,
    )
    if "floor" in summary:
        floor = summary["floor"]
        print(f"sgemm {floor['gflops']:.0f} GFLOP/s: floor {floor['seconds']:.2f} s/epoch "
              f"({floor['seconds_at_layer_shapes']:.2f} s at the layers' own shapes)")  # fmt: skip
    goals = [
        [goal["figure"], f"{goal['value']:.3f}", goal["goal"], goal["verdict"]] for goal in summary["goals"]
    ]
    show("Goals", ["figure", "measured", "goal", "verdict"], goals)
