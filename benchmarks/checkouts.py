"""What a change costs: this checkout beside another one, in turn: W1, W4, W3 and start-up.

Both are run by the interpreter that runs this, on one core, and compared by the median of the ratios of their CPU
seconds, lap by lap. Give the folder of the other checkout, of a commit with the same dependencies.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks._bayes_problems import PROBLEMS
from benchmarks._race import RESULTS, ROOT, Contender, race
from benchmarks._results import show, verdict, write
from benchmarks.startup import FIRST_STEP, TAKE_ATLAS, cache_at, timed

ALLOWED = 1.03
WEIGHTS = RESULTS / "w4_weights.npz"  # `evidence_speed` trains them
# name -> (module, its arguments, its variables, which of its figures counts)
RACES = {
    "W1 f32": ("ours.w1_latlas", ["f32"], {}, "cpu"),
    "W1 bf16": ("ours.w1_latlas", ["bf16"], {}, "cpu"),
    "W4 f32": ("ours.w4_latlas", ["f32", str(WEIGHTS), "20"], {}, "cpu"),
    "W4 bf16": ("ours.w4_latlas", ["bf16", str(WEIGHTS), "20"], {}, "cpu"),
    **{
        f"W3 {name}": ("_bayes_contender", ["latlas", name], {"JAX_ENABLE_COMPILATION_CACHE": "0"}, "fit_cpu")
        for name in PROBLEMS
    },
}
START_UP = "start-up"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks checkouts", description=__doc__)
    parser.add_argument("other", type=Path, help="the folder of the other checkout")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument(
        "--only", default="", help=f"part of the names of the races to run: {', '.join((*RACES, START_UP))}"
    )
    options = parser.parse_args(arguments)
    chosen = [name for name in (*RACES, START_UP) if options.only in name]
    if not chosen:
        parser.error(f"No race has {options.only!r} in its name: there are {', '.join((*RACES, START_UP))}.")
    if any(name.startswith("W4") for name in chosen) and not WEIGHTS.exists():
        parser.error(
            f"There is no {WEIGHTS}: run `python -m benchmarks evidence_speed` once, which trains it."
        )
    laps = {}
    for name, (module, tail, variables, figure) in RACES.items():
        if name not in chosen:
            continue
        print(f"{name}, {options.rounds} rounds", file=sys.stderr, flush=True)
        contenders = [
            Contender(who, module, arguments=tail, variables=variables, root=root)
            for who, root in (("this", ROOT), ("other", options.other.resolve()))
        ]
        found = race(contenders, rounds=options.rounds, cores="1")
        if len(found) < len(contenders):
            raise SystemExit(
                f"One of the two checkouts could not run {name}; its log is in {RESULTS / 'logs'}."
            )
        laps[name] = [[lap[figure] for lap in found[who].laps] for who in ("this", "other")]
    if START_UP in chosen:
        laps |= _start_up(options.other.resolve(), options.rounds)
    figures, rows = {}, []
    for name, (ours, theirs) in laps.items():
        ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
        ratio = statistics.median(ratios)
        figures[name] = {"this": ours, "other": theirs, "ratio": ratio, "verdict": verdict(ratio, ALLOWED)}
        cpu = [f"{statistics.median(seconds):.3f}" for seconds in (ours, theirs)]
        rows.append(
            [name, *cpu, f"{ratio:.3f}", f"{min(ratios):.3f} to {max(ratios):.3f}", figures[name]["verdict"]]
        )
    columns = ["what", "this, CPU s", "other, CPU s", "ratio", "of single laps", f"<= {ALLOWED}"]
    show("This checkout beside the other, one core", columns, rows)
    # some of the races do not replace the figures of all
    name = "checkouts" if len(chosen) > len(RACES) else f"checkouts_{options.only.replace(' ', '_')}"
    print("written:", write(name, figures))
    return 0


def _start_up(other: Path, rounds: int) -> dict[str, list[list[float]]]:
    """CPU seconds of whole processes, and to the first step; the first of each is not counted."""
    found: dict[str, list[list[float]]] = {
        "import, take Atlas": [[], []],
        "to the first step, cached": [[], []],
    }
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(rounds + 1):
            for i, root in enumerate((ROOT, other)):
                found["import, take Atlas"][i].append(timed(TAKE_ATLAS, root=root)["cpu"])
                answer = timed(FIRST_STEP, cache_at(f"{cache}/{i}"), root)
                found["to the first step, cached"][i].append(json.loads(answer["output"])["cpu"])
    return {name: [seconds[1:] for seconds in both] for name, both in found.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
