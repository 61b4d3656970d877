"""Many fits of different shapes in one process: memory maps and resident memory must stay flat.

Every fit has another number of columns and other widths, so that each compiles programs of its own, as a search over
candidates does. What counts is how resident memory grows over the later half of the looks, some of which fall right after
old programs were dropped and some right before.
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
from benchmarks._results import RESULTS, machine, show, verdict
from latlas.core._programs import num_maps

GROWTH = 0.5  # MB a fit, over the later half: what the figure is held against
_STATUS = Path("/proc/self/status")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks soak", description=__doc__)
    parser.add_argument("--fits", type=int, default=500)
    parser.add_argument("--every", type=int, default=25, help="fits between two looks")
    parser.add_argument("--kind", choices=("atlas", "bayes"), default="atlas")
    parser.add_argument("--json", type=Path, default=RESULTS / "soak.jsonl", help="one line per look")
    options = parser.parse_args(arguments)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    looks = []
    with options.json.open("w") as file:
        print(json.dumps({"machine": machine(), "kind": options.kind}), file=file, flush=True)
        for look in _looks(options.kind, options.fits, options.every):
            looks.append(look)
            print(json.dumps(look), file=file, flush=True)
            print(*(f"{name} {value}" for name, value in look.items()), file=sys.stderr, flush=True)
    show(
        f"{options.fits} fits ({options.kind})",
        list(looks[0]),
        [[str(v) for v in look.values()] for look in looks],
    )
    late = looks[len(looks) // 2 :]
    growth = np.polyfit([look["fits"] for look in late], [look["rss_mb"] for look in late], 1)[0]
    most = max(look["maps"] for look in looks)
    print(f"most maps {most:,}; over the later half resident memory grows by {growth:.2f} MB a fit")
    print(f"goal at most {GROWTH}: {verdict(growth, GROWTH)}")
    print("written:", options.json)
    return 0


def _looks(kind: str, fits: int, every: int) -> Iterator[dict[str, Any]]:
    rng, began = np.random.default_rng(0), time.perf_counter()
    fit = _atlas if kind == "atlas" else _bayes
    for number in range(1, fits + 1):
        fit(number, rng)
        if number % every == 0:
            yield {
                "fits": number,
                "maps": num_maps(),
                "rss_mb": _resident(),
                "seconds": round(time.perf_counter() - began, 1),
            }


def _atlas(number, rng):
    x = rng.normal(size=(60, 2 + number))
    widths = (4 + number % 29, 4 + number % 31)
    atlas = latlas.Atlas(
        latent_dim=1 + number % 5, hidden=widths, epochs=2, batch_size=20, random_state=0, verbose=False
    )
    atlas.fit(x).transform(x)


def _bayes(number, rng):
    y = rng.normal(size=2 + number)
    dim = 1 + number % 7

    def log_density(u, y):
        return -0.5 * jnp.sum(u**2) - 0.5 * jnp.sum((y - u.sum()) ** 2)

    latlas.bayes.fit(lambda u: log_density(u, y), jnp.zeros(dim), key=jax.random.key(number))


def _resident() -> float:
    """Resident memory of this process in MB; 0 where the system does not tell."""
    try:
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmRSS"))
    except (OSError, StopIteration):
        return 0.0
    return round(int(line.split()[1]) / 1024, 1)
