"""Twelve reference posteriors: errors, verdicts and seconds of `latlas.bayes`, beside NumPyro and BlackJAX.

Each posterior and contender gets a fresh process of its own, one after the other, without a compilation cache on
disk, and is killed at a time limit. 4,000 draws are held against long runs of Stan's NUTS.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._posteriordb import compare, reference
from benchmarks._posteriordb_names import POSTERIORS
from benchmarks._posteriordb_report import line, markdown, print_posterior, print_scoreboard
from benchmarks._race import ROOT, child_variables
from benchmarks._results import RESULTS, machine

ENGINES = ("auto", "laplace", "dadvi", "advi", "natural-gradient", "batch-and-match", "pathfinder", "inclusive",
           "renyi", "svgd", "nuts")  # fmt: skip
LIMIT = 120.0


@dataclass(frozen=True)
class Contender:
    """A program beside its method; `limit` is in seconds and covers both fits of a process."""

    name: str
    module: str
    method: str
    limit: float = LIMIT
    double: bool = True


PEERS = (
    Contender("AutoNormal", "_posteriordb_numpyro", "AutoNormal", 300),
    Contender("AutoMVN", "_posteriordb_numpyro", "AutoMultivariateNormal", 300),
    Contender("AutoLowRank", "_posteriordb_numpyro", "AutoLowRankMultivariateNormal", 300),
    Contender("BlackJAX-pathfinder", "_posteriordb_blackjax", "pathfinder", 300),
    Contender("BlackJAX-multipath", "_posteriordb_blackjax", "multipathfinder", 300),
    Contender("NumPyro-NUTS", "_posteriordb_numpyro", "NUTS", 1800),
)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks posteriordb", description=__doc__)
    parser.add_argument(
        "--posteriors", default="all", help=f"names with commas between: {', '.join(POSTERIORS)}"
    )
    parser.add_argument(
        "--engines", default="auto", help="ENGINE or ENGINE/FAMILY with commas between, 'all' or ''"
    )
    names = ", ".join(peer.name for peer in PEERS)
    parser.add_argument("--peers", nargs="?", const="all", default="", help=f"all of them, or of {names}")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for a process of ours")
    parser.add_argument(
        "--json", type=Path, default=RESULTS / "posteriordb.jsonl", help="one line per process"
    )
    parser.add_argument(
        "--read", type=Path, nargs="+", help="run nothing: tables from such files, and one in Markdown"
    )
    options = parser.parse_args(arguments)
    if options.read:
        lines = [json.loads(text) for path in options.read for text in path.read_text().splitlines()]
        records = [record for record in lines if "posterior" in record]
        for posterior in dict.fromkeys(record["posterior"] for record in records):
            print_posterior([record for record in records if record["posterior"] == posterior])
        print(markdown(records))
        return _judge(records)
    posteriors = list(POSTERIORS) if options.posteriors == "all" else options.posteriors.split(",")
    if unknown := [name for name in posteriors if name not in POSTERIORS]:
        parser.error(f"there is no posterior {unknown[0]!r}; there are {', '.join(POSTERIORS)}")
    engines = ENGINES if options.engines == "all" else [name for name in options.engines.split(",") if name]
    contenders = [
        Contender(name, "_posteriordb_latlas", name, options.limit, double=False) for name in engines
    ]
    contenders += [peer for peer in PEERS if options.peers == "all" or peer.name in options.peers.split(",")]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a running child ends with this process
    options.json.parent.mkdir(parents=True, exist_ok=True)
    records = []
    with options.json.open("w") as file:
        print(json.dumps({"machine": machine(), "commit": _commit()}), file=file, flush=True)
        for posterior in posteriors:
            for contender in contenders:
                for seed in range(options.seeds):
                    records.append(run(contender, posterior, seed))
                    print(json.dumps(records[-1]), file=file, flush=True)
                    print(f"  {line(records[-1])}", file=sys.stderr, flush=True)
            print_posterior([record for record in records if record["posterior"] == posterior])
    print("written:", options.json)
    return _judge(records)


def _judge(records: Sequence[dict[str, Any]]) -> int:
    """The scoreboard of every contender that gives verdicts; what `auto` has missed is the exit status."""
    missed = 0
    for name in dict.fromkeys(record["contender"] for record in records if "verdict" in record):
        reached = print_scoreboard(name, [record for record in records if record["contender"] == name])
        missed |= name == "auto" and not reached
    return int(missed)


def run(contender: Contender, posterior: str, seed: int) -> dict[str, Any]:
    """What one process found, or `failed`: how it ended and the last that it said."""
    record: dict[str, Any] = {"posterior": posterior, "contender": contender.name, "seed": seed}
    variables = {name: value for name, value in child_variables().items() if not name.startswith("JAX_")}
    variables |= {
        "JAX_ENABLE_COMPILATION_CACHE": "0",
        "JAX_PLATFORMS": "cpu",
    }
    variables |= {"JAX_ENABLE_X64": "1"} if contender.double else {}
    with tempfile.TemporaryDirectory() as folder:
        draws, log = Path(folder) / "draws.npy", Path(folder) / "log.txt"
        command = [sys.executable, "-m", "benchmarks._posteriordb_child", contender.module, contender.method,
                   posterior, str(seed), str(draws)]  # fmt: skip
        with log.open("w") as errors:
            child = subprocess.Popen(command, cwd=ROOT, env=variables, text=True, stdout=subprocess.PIPE,
                                     stderr=errors, start_new_session=True)  # fmt: skip
            try:
                answer, _ = child.communicate(timeout=contender.limit)
            except subprocess.TimeoutExpired:
                return record | {"failed": f"killed after {contender.limit:g} s"}
            finally:  # at an interruption too
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.communicate()
        if child.returncode:
            said = log.read_text().strip().splitlines() or [""]
            error = next(
                (text for text in reversed(said) if re.match(r"[\w.]+(Error|Exit|Exception)\b", text)),
                said[-1],
            )
            return record | {"failed": f"exit status {child.returncode}: {error[:300]}"}
        return record | json.loads(answer) | compare(np.load(draws), reference(posterior))


def _commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return found.stdout.strip()
