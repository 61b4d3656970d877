"""How often a verdict was right: fits of posteriors whose moments are known, by every engine.

Synthetic densities with exact moments, and posteriordb's twelve against long runs of Stan's NUTS. A "trust" is wrong
where a mean is off by more than 0.2 posterior sds or an sd by more than 30 %; "means only" where a mean is; a refusal is
needless where the fit was within both.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import latlas
from benchmarks._posteriordb import compare, reference
from benchmarks._posteriordb_density import density
from benchmarks._posteriordb_names import FOLDER, POSTERIORS
from benchmarks._results import RESULTS, machine, show
from benchmarks._verdict_targets import TARGETS
from latlas.core import LatlasError

ENGINES = ("auto", "laplace", "batch-and-match", "nuts")
KINDS = ("trust", "means only", "do not trust")
MEAN_WRONG, SD_WRONG = 0.2, 0.3


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks verdicts", description=__doc__)
    parser.add_argument("--engines", default=",".join(ENGINES), help="with commas between")
    parser.add_argument(
        "--targets", help=f"of {', '.join([*TARGETS, *POSTERIORS])}; ';' between; all of them"
    )
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RESULTS / "verdicts.jsonl", help="one line per fit")
    parser.add_argument("--read", type=Path, nargs="+", help="run nothing: the tables of such files")
    options = parser.parse_args(arguments)
    if options.read:
        lines = [json.loads(text) for path in options.read for text in path.read_text().splitlines()]
        return report([line for line in lines if "verdict" in line])
    names = (
        options.targets.split(";")
        if options.targets
        else [*TARGETS, *(POSTERIORS if FOLDER.exists() else ())]
    )
    if unknown := [name for name in names if name not in TARGETS and name not in POSTERIORS]:
        parser.error(f"there is no target {unknown[0]!r}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    records = []
    with options.json.open("w") as file:
        print(json.dumps({"machine": machine()}), file=file, flush=True)
        for record in fits(names, options.engines.split(","), options.seeds):
            records.append(record)
            print(json.dumps(record), file=file, flush=True)
            print(line_of(record), file=sys.stderr, flush=True)
    print("written:", options.json)
    return report(records)


def fits(names: Sequence[str], engines: Sequence[str], seeds: int) -> Iterator[dict[str, Any]]:
    """A record for each target, engine and seed."""
    for name in names:
        for engine in engines:
            for seed in range(seeds):
                yield {"target": name, "engine": engine, "seed": seed} | one(name, engine, seed)


def one(name: str, engine: str, seed: int) -> dict[str, Any]:
    """The verdict on one fit, and its errors in the sds of the truth."""
    began = time.perf_counter()
    try:
        found, errors = (known if name in TARGETS else referenced)(name, engine, jax.random.key(seed))
        verdict = str(found.verdict)
    except LatlasError as error:
        return {"verdict": "failed", "reason": str(error)}
    kind = next(kind for kind in KINDS if verdict.startswith(kind))
    seconds = time.perf_counter() - began
    return {"verdict": kind, "reason": verdict, "by": found.engine, "seconds": seconds, **errors}


def known(name, engine, key):
    target = TARGETS[name]()
    found = latlas.bayes.fit(
        target.log_density, target.start, key=key, engine=engine, bijections=target.bijections or None
    )
    with jax.enable_x64(True):
        moments = found.posterior.moments()
    return found, errors_of(moments.mean, moments.sd, target.mean, target.sd)


def referenced(name, engine, key):
    target = density(name)
    found = latlas.bayes.fit(target.log_density, jnp.zeros(target.dimension), key=key, engine=engine)
    with jax.enable_x64(True):
        draws = np.asarray(jax.jit(jax.vmap(target.constrain))(found.sample(key, 4000)))
    figures = compare(draws, reference(name))
    return found, {name: figures[name] for name in ("mean_rms", "mean_max", "sd_error")}


def errors_of(
    mean: np.ndarray, sd: np.ndarray, true_mean: np.ndarray, true_sd: np.ndarray
) -> dict[str, float]:
    """Errors of means in true sds, and of sds relative to them; infinite where the truth has no such moment."""
    error, ratio = np.abs(mean - true_mean) / true_sd, np.abs(sd / true_sd - 1)
    error[np.isnan(error)] = np.inf
    ratio[np.isinf(true_sd)] = np.inf
    return {
        "mean_rms": float(np.sqrt(np.mean(error**2))),
        "mean_max": float(error.max()),
        "sd_error": float(ratio.max()),
    }


def truth_of(record: dict[str, Any]) -> str:
    """What the verdict should have been."""
    if record["verdict"] == "failed":
        return "no fit"
    if record["mean_max"] > MEAN_WRONG:
        return "means are off"
    return "sds are off" if record["sd_error"] > SD_WRONG else "right"


def line_of(record: dict[str, Any]) -> str:
    """One record in one line."""
    what = f"{record['target']:24} {record['engine']:16} {record['verdict']:13} {truth_of(record):14}"
    if record["verdict"] == "failed":
        return f"{what} {record['reason'][:80]}"
    return f"{what} mean {record['mean_max']:6.2f} sd {record['sd_error']:6.2f} {record['seconds']:5.1f} s"


def confusion(records: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Verdict -> truth -> number of fits."""
    truths = ("right", "sds are off", "means are off")
    return {
        kind: {truth: sum(r["verdict"] == kind and truth_of(r) == truth for r in records) for truth in truths}
        for kind in KINDS
    }


def wrong(record: dict[str, Any]) -> bool:
    """Whether the verdict promised what the fit does not keep."""
    promised = {"trust": ("right",), "means only": ("right", "sds are off")}
    return record["verdict"] in promised and truth_of(record) not in promised[record["verdict"]]


def report(records: Sequence[dict[str, Any]]) -> int:
    """The tables; 1 where a verdict of `auto` was wrong."""
    for engine in (*dict.fromkeys(record["engine"] for record in records), None):
        mine = [record for record in records if engine in (None, record["engine"])]
        table = confusion(mine)
        failed = sum(record["verdict"] == "failed" for record in mine)
        title = f"{engine or 'all engines'}: {len(mine)} fits, {failed} of them without a result"
        rows = [[kind, *map(str, row.values())] for kind, row in table.items()]
        show(title, ["verdict", *table["trust"]], rows)
    mistaken = [record for record in records if wrong(record)]
    for record in mistaken:
        print("WRONG:", line_of(record))
    return int(any(record["engine"] == "auto" for record in mistaken))
