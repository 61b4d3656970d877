"""Nine hierarchies as people bring them, with vague priors at raw scale, against long runs of NumPyro's NUTS.

Models, data and references are in `$LATLAS_DATA/hierarchies`, whose `models.py` is executed. Errors are those of 4,000
draws: of means in sds of the reference; of quantiles in probability, as the share of draws below the reference's 5, 50 and
95 % quantiles, less 0.05, 0.5 and 0.95, over the sd of one draw's being below. A "trust" is wrong where either is more than
0.3, a "means only" where a mean is; the reference itself is known to about 0.05, but for `patients`, whose chains did not
enter the neck of its funnel: there the scales are held against the exact integral.
"""

import argparse
import json
import os
import runpy
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

import latlas
from benchmarks._patients_exact import patients_exactly
from benchmarks._results import RESULTS, machine, show
from latlas.core import LatlasError

FOLDER = Path(os.environ.get("LATLAS_DATA", "data")) / "hierarchies"
QUANTILES = (0.05, 0.5, 0.95)
WRONG = 0.3
NUM_DRAWS = 4000


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks hierarchies", description=__doc__)
    parser.add_argument("--engines", default="auto", help="with commas between")
    parser.add_argument("--models", help="with commas between; all of them")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RESULTS / "hierarchies.jsonl", help="one line per fit")
    options = parser.parse_args(arguments)
    if not FOLDER.is_dir():
        raise SystemExit(f"{FOLDER} does not exist: set LATLAS_DATA to the folder that holds hierarchies.")
    models = runpy.run_path(str(FOLDER / "models.py"))["MODELS"]
    names = options.models.split(",") if options.models else list(models)
    if unknown := [name for name in names if name not in models]:
        parser.error(f"there is no model {unknown[0]!r}; there are {', '.join(models)}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    records = []
    with options.json.open("w") as file:
        print(json.dumps({"machine": machine()}), file=file, flush=True)
        for name in names:
            for engine in options.engines.split(","):
                for seed in range(options.seeds):
                    record = {"model": name, "engine": engine, "seed": seed}
                    records.append(record | one(models[name], name, engine, seed))
                    print(json.dumps(records[-1]), file=file, flush=True)
                    print(" ".join(row_of(records[-1])), file=sys.stderr, flush=True)
    columns = ["model", "engine", "seed", "verdict", "worst mean", "worst quantile", "of", "seconds"]
    show("Errors in sds of the reference", columns, [row_of(record) for record in records])
    print("written:", options.json)
    return int(any(record["wrong"] for record in records))


def one(model: Any, name: str, engine: str, seed: int) -> dict[str, Any]:
    """The verdict on one fit, and its errors."""
    stored = json.loads((FOLDER / f"{name}.json").read_text())
    data = {key: np.asarray(value) for key, value in stored["data"].items()}
    reference = stored["reference"]
    if name == "patients":
        reference |= patients_exactly(data, QUANTILES)
    key = jax.random.key(seed)
    began = time.perf_counter()
    try:
        found = latlas.bayes.fit(model, data, key=key, engine=engine)
        verdict = found.verdict
    except LatlasError as error:
        return {
            "verdict": "failed",
            "reason": str(error),
            "wrong": False,
            "seconds": time.perf_counter() - began,
        }
    seconds = time.perf_counter() - began
    draws = {site: values for site, values in found.sample(key, NUM_DRAWS).items() if site in reference}
    errors = {site: _errors(draws[site], reference[site]) for site in draws}
    mean = max(float(e[0]) for e in errors.values())
    worst = max(errors, key=lambda site: errors[site][1])
    off = {"trust": max(mean, errors[worst][1]), "means only": mean}.get(verdict.kind, 0.0)
    return {
        "verdict": verdict.kind,
        "reason": str(verdict),
        "by": found.engine,
        "mean_error": mean,
        "quantile_error": float(errors[worst][1]),
        "worst": worst,
        "wrong": bool(off > WRONG),
        "seconds": seconds,
    }


def row_of(record: dict[str, Any]) -> list[str]:
    """One record as a row of the table."""
    head = [record["model"], record["engine"], str(record["seed"])]
    if record["verdict"] == "failed":
        return [*head, "failed", "", "", "", f"{record['seconds']:.1f}"]
    verdict = record["verdict"] + (" (WRONG)" if record["wrong"] else "")
    figures = [f"{record['mean_error']:.2f}", f"{record['quantile_error']:.2f}", record["worst"]]
    return [*head, verdict, *figures, f"{record['seconds']:.1f}"]


def _errors(draws: np.ndarray, reference: dict[str, Any]) -> tuple[float, float]:
    """The worst error of a mean and of a quantile over the entries of a site."""
    mean, sd = np.asarray(reference["mean"]), np.asarray(reference["sd"])
    usable = sd > 0.0  # a constant, as the upper triangle of a Cholesky factor, has none
    off_mean = np.abs(draws.mean(axis=0) - mean) / np.where(usable, sd, np.inf)
    off_quantile = 0.0
    for p, quantile in zip(QUANTILES, np.asarray(reference["quantiles_05_50_95"]), strict=True):
        below = np.mean(draws <= quantile, axis=0)
        off_quantile = max(off_quantile, float(np.max(np.abs(below - p)[usable])) / np.sqrt(p * (1 - p)))
    return float(off_mean.max()), off_quantile
