"""One fit in a fresh process: `python -m benchmarks._posteriordb_child MODULE METHOD POSTERIOR SEED FILE`.

The cold clock starts before the contender's libraries are imported and stops when the first fit is there; the warm
one times a second fit with another key. The draws of the first go to `FILE`, on the constrained scale; what else
there is to say is one line of JSON. Only the standard library is imported before the clock starts.
"""

import json
import os
import sys
from importlib import import_module

from benchmarks._clock import Clock

NUM_DRAWS = 4000


def main(module: str, method: str, posterior: str, seed: int, path: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print
    with Clock() as cold:
        prepare = import_module(f"benchmarks.{module}").prepare
        target = import_module("benchmarks._posteriordb_density").density(posterior)
        fit = prepare(target, method)
        draw, facts = fit(2 * seed)
    with Clock() as warm:
        fit(2 * seed + 1)
    target.save_constrained(draw(NUM_DRAWS), path)
    seconds = {
        f"{unit}_{name}": round(getattr(clock, of), 3)
        for name, clock in (("cold", cold), ("warm", warm))
        for unit, of in (("seconds", "wall"), ("cpu", "cpu"), ("background", "background"))
    }
    print(json.dumps({"dimension": target.dimension, **seconds, **facts}), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]), sys.argv[5])
