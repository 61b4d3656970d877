"""The collapse clinic: eight sick set-ups, each to be named and cured; three healthy ones, to be left alone.

A cure is held against the best run of a small grid, chosen beforehand and by the ELBO of validation rows; both are
reported on test rows, which nothing was chosen by. Everything is judged at beta = 1.
"""

import argparse
import logging
import sys
import time
from collections.abc import Sequence
from statistics import mean
from typing import Any

import jax.random as jr

from benchmarks._clinic_cases import HEALTHY, SICK, Case
from benchmarks._results import show, write
from latlas.core import Example, NonFiniteError, named_arrays
from latlas.evaluation import elbo, fit_with_cure

NATS = 1.0


def sick(case: Case, seed: int, max_attempts: int) -> dict[str, Any]:
    """One sick set-up: what was named, what the cure came to, and what the grid did."""
    setup, (train, valid, test) = case.build(seed), case.rows(seed)
    began = time.monotonic()
    cured = fit_with_cure(
        setup.key, setup.trainer, setup.model, train, valid=valid, max_attempts=max_attempts
    )
    seconds = time.monotonic() - began
    treatments = [treatment.to_dict() for treatment in cured.treatments]
    named = {finding.name for finding in cured.first_diagnosis.findings if finding.severity != "note"}
    # what was found before the first step is not in the diagnosis of the fit that came of it
    named = sorted(named | {treatment["finding"] for treatment in treatments if treatment["attempt"] == 0})
    grid = {}
    for label, change in case.grid.items():
        changed = change(setup)
        try:
            model = changed.fit(valid).model
        except NonFiniteError:
            continue
        grid[label] = (nats(model, valid), nats(model, test))
    best = max(grid, key=lambda label: grid[label][0])
    found = nats(cured.result.model, test)
    return {
        "case": case.name, "seed": seed, "expected": case.expected, "named": named,
        "right": bool(set(named) & set(case.expected)), "treatments": treatments,
        "left": [finding.name for finding in cured.diagnosis.findings],
        "as_asked": as_asked(setup, valid, test), "cured": found, "by_hand": grid[best][1], "best_by_hand": best,
        "grid": {label: {"valid": v, "test": t} for label, (v, t) in grid.items()},
        "within": bool(found >= grid[best][1] - NATS), "attempts": 1 + max([t["attempt"] for t in treatments], default=0),
        "seconds": seconds,
    }  # fmt: skip


def healthy(case: Case, seed: int, max_attempts: int) -> dict[str, Any]:
    """One healthy set-up: whether it was left alone, bit for bit."""
    setup, (train, valid, _) = case.build(seed), case.rows(seed)
    alone = setup.fit(valid)
    cured = fit_with_cure(
        setup.key, setup.trainer, setup.model, train, valid=valid, max_attempts=max_attempts
    )
    one, other = named_arrays(alone.state), named_arrays(cured.result.state)
    return {
        "case": case.name, "seed": seed, "treatments": [treatment.to_dict() for treatment in cured.treatments],
        "findings": [f"{finding.name} ({finding.severity})" for finding in cured.diagnosis.findings],
        "same_bits": all(one[name].tobytes() == other[name].tobytes() for name in one),
    }  # fmt: skip


def nats(model: Any, rows: Example) -> float:
    """The mean ELBO of the rows, at beta = 1."""
    return elbo(jr.key(12345), model, rows, num_samples=50).summary().value


def as_asked(setup: Any, valid: Example, test: Example) -> float | None:
    """The test ELBO of the set-up without its cure, or `None` where it has none."""
    try:
        return nats(setup.fit(valid).model, test)
    except NonFiniteError:
        return None


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks clinic", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-attempts", type=int, default=5)
    parser.add_argument("--cases", nargs="*", help="parts of the names of those to run; all by default")
    options = parser.parse_args(arguments)
    logging.getLogger("latlas").setLevel(logging.ERROR)
    sick_rows, healthy_rows = [], []
    for seed in range(options.seeds):
        for cases, measure, rows in ((SICK, sick, sick_rows), (HEALTHY, healthy, healthy_rows)):
            for case in cases:
                if not options.cases or any(part in case.name for part in options.cases):
                    rows.append(measure(case, seed, options.max_attempts))
                    _say(rows[-1])
    _print(sick_rows, healthy_rows)
    print("written:", write("clinic", {"sick": sick_rows, "healthy": healthy_rows, "nats": NATS}))
    return 0


def _print(sick_rows: list[dict], healthy_rows: list[dict]) -> None:
    table = []
    for name in dict.fromkeys(row["case"] for row in sick_rows):
        rows = [row for row in sick_rows if row["case"] == name]
        remedies = dict.fromkeys(
            t["remedy"] for row in rows for t in row["treatments"] if not t["outcome"].startswith("Not")
        )
        table.append([
            name, f"{sum(row['right'] for row in rows)}/{len(rows)}", ", ".join(remedies) or "none",
            _nats([row["as_asked"] for row in rows]), _nats([row["cured"] for row in rows]),
            _nats([row["by_hand"] for row in rows]), f"{sum(row['within'] for row in rows)}/{len(rows)}",
        ])  # fmt: skip
    columns = ["sick", "named", "kept remedies", "as asked", "cured", "by hand", f"within {NATS:g} nat"]
    show("Test ELBO in nats, mean over seeds", columns, table)
    table = [
        [row["case"], str(row["seed"]), str(len(row["treatments"])), "yes" if row["same_bits"] else "NO",
         ", ".join(row["findings"]) or "none"]
        for row in healthy_rows
    ]  # fmt: skip
    show("Healthy runs", ["healthy", "seed", "treatments", "same bits", "findings"], table)


def _say(row: dict[str, Any]) -> None:
    """One case as it was measured."""
    print(f"{row['case']}, seed {row['seed']}", flush=True)
    for t in row["treatments"]:
        print(f"  {t['finding']} -> {t['remedy']}: {t['outcome']}")
    if "expected" in row:
        print(f"  expected {' or '.join(row['expected'])}, named {', '.join(row['named'])}; test ELBO {row['cured']:.2f}, "
              f"as asked {row['as_asked']}, by hand {row['by_hand']:.2f} ({row['best_by_hand']}); left {row['left']}; "
              f"{row['seconds']:.0f} s", flush=True)  # fmt: skip
    else:
        print(f"  same bits: {row['same_bits']}; findings: {row['findings']}", flush=True)


def _nats(values: list[float | None]) -> str:
    return "none" if None in values else f"{mean(values):.2f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
