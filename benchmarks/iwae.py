"""The table of Burda, Grosse and Salakhutdinov (2016, arXiv:1509.00519): -log p(x) of MNIST, ours and theirs.

Their protocol by default (3,280 passes; `--stages 6` stops early); `--minutes 20` is our own: larger batches,
Adam from 1e-3 down a cosine, as many passes as the time allows. Every row is a run directory: stop it at any
time, the same command goes on. Test figures with 5,000 importance samples for each of the 10,000 images.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._burda import BATCH_SIZE, STAGES, BurdaAdam, StageRates, epochs
from benchmarks._data import binarized_mnist, mnist, mnist_test
from benchmarks._results import RESULTS, show, write
from benchmarks.ours._models import binarised, binary_to_float, burda_vae
from latlas.core import Example, RunDirectory
from latlas.evaluation import evaluate
from latlas.objectives import Elbo, ImportanceWeighted, MonteCarlo, Reparameterised
from latlas.training import Adam, Schedule, Trainer

OWN_BATCH_SIZE = 100
# (binarisation, layers, objective, k) -> -log p(x) in nats, as published
PAPER = {
    **{("dynamic", 1, "vae", k): value for k, value in ((1, 86.76), (5, 86.47), (50, 86.35))},
    **{("dynamic", 1, "iwae", k): value for k, value in ((5, 85.54), (50, 84.78))},
    **{("dynamic", 2, "vae", k): value for k, value in ((1, 85.33), (5, 85.01), (50, 84.78))},
    **{("dynamic", 2, "iwae", k): value for k, value in ((5, 83.89), (50, 82.90))},
    **{("static", 1, "vae", 1): 88.71, ("static", 1, "iwae", 5): 87.63, ("static", 1, "iwae", 50): 87.10},
}


@dataclass(frozen=True)
class Row:
    """One cell of the table.

    Attributes:
        binarisation: `static` (one draw, 50,000 training images) or `dynamic` (a new draw each time, 60,000).
        layers: stochastic layers: 50 units, or 100 and 50.
        objective: `vae` (mean of k log-weights) or `iwae` (logarithm of their mean).
        k: samples per image.
        schedule: `burda-STAGES` or `minutes-M`.
    """

    binarisation: str
    layers: int
    objective: str
    k: int
    schedule: str

    @property
    def name(self) -> str:
        """Name of its run directory."""
        return "-".join(str(value) for value in asdict(self).values())

    @property
    def published(self) -> float | None:
        """The paper's figure."""
        return PAPER.get((self.binarisation, self.layers, self.objective, self.k))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks iwae", description=__doc__)
    parser.add_argument("--binarisation", choices=("static", "dynamic"), default="static")
    parser.add_argument("--layers", type=int, choices=(1, 2), default=1)
    parser.add_argument("--objective", choices=("vae", "iwae"), default="vae")
    parser.add_argument("--k", type=int, default=1, help="samples per image")
    parser.add_argument("--stages", type=int, default=STAGES, help="of the protocol's eight")
    parser.add_argument("--minutes", type=float, help="our own schedule, for about so long")
    parser.add_argument("--epochs", type=int, help="our own schedule, of so many epochs")
    parser.add_argument("--all", action="store_true", help="every published row, one after another")
    parser.add_argument("--table", action="store_true", help="only print what the finished runs found")
    parser.add_argument("--images", type=int, default=10_000, help="test images")
    parser.add_argument("--num-samples", type=int, default=5000, help="importance samples per test image")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "iwae")
    options = parser.parse_args(arguments)
    schedule = _schedule(options)
    cells = PAPER if options.all else [(options.binarisation, options.layers, options.objective, options.k)]
    for cell in [] if options.table else cells:
        _reproduce(Row(*cell, schedule), options)
    _print(options.out)
    return 0


def _schedule(options: argparse.Namespace) -> str:
    if options.epochs:
        return f"epochs-{options.epochs}"
    return f"minutes-{options.minutes:g}" if options.minutes else f"burda-{options.stages}"


def _reproduce(row: Row, options: argparse.Namespace) -> None:
    """Train and evaluate one row; what was done already is not done again."""
    path = options.out / row.name
    run = RunDirectory.open(path) if (path / "config.json").exists() else None
    if run is not None and run.read_evaluation() is not None:
        return
    train, test, prepare = _data(row.binarisation, options.seed)
    key = jax.random.key(options.seed)
    model = burda_vae(key, np.asarray(train.mean(0)) / train.max(), row.layers)
    data = Example(jnp.asarray(train))
    if run is None:
        config = {
            "row": asdict(row),
            "seed": options.seed,
            "epochs": _epochs(row, options, model, data, prepare),
        }
        run = RunDirectory.create(path, config)
    trainer = _trainer(row, run.config["epochs"], prepare, len(train))
    print(f"{row.name}: {run.config['epochs']} epochs", flush=True)
    with run.lock():
        result = trainer.fit(key, model, data, run=run, callbacks=[_Lines()])
        seconds = result.history[-1]["seconds"]
        images = Example(jnp.asarray(test[np.random.default_rng(0).permutation(len(test))[: options.images]]))
        started = time.perf_counter()
        found = evaluate(
            jax.random.fold_in(key, 1), result.model, images, num_samples=options.num_samples, prepare=prepare
        )
        run.write_evaluation({**found.to_dict(), "training_seconds": seconds,
                              "evaluation_seconds": time.perf_counter() - started})  # fmt: skip


def _data(binarisation: str, seed: int) -> tuple[np.ndarray, np.ndarray, object]:
    """Training images, test images, and what the compiled step does to a batch."""
    if binarisation == "static":
        splits = binarized_mnist()
        return splits["train"], splits["test"], binary_to_float
    grey = mnist_test()
    # one fixed draw of the test images, so that every row is judged on the same ones
    drawn = np.random.default_rng(seed).random(grey.shape) * 255 < grey
    return mnist(), drawn.astype(np.uint8) * 255, binarised


def _trainer(row: Row, num_epochs: int, prepare, num_images: int) -> Trainer:
    draws = MonteCarlo(row.k)
    # the authors' estimators: log-weights sampled throughout, derivative through all of them
    if row.objective == "iwae":
        objective = ImportanceWeighted(draws, Reparameterised())
    else:
        objective = Elbo(
            draws=draws, gradient=Reparameterised(closed_form_kl=not row.schedule.startswith("burda"))
        )
    if row.schedule.startswith("burda"):
        optimizer = BurdaAdam(StageRates(num_images // BATCH_SIZE, int(row.schedule.split("-")[1])))
        return Trainer(objective, optimizer, num_epochs=num_epochs, batch_size=BATCH_SIZE, prepare=prepare)
    steps = num_epochs * (num_images // OWN_BATCH_SIZE)
    rate = Schedule("cosine_decay_schedule", init_value=1e-3, decay_steps=steps)
    return Trainer(objective, Adam(rate), num_epochs=num_epochs, batch_size=OWN_BATCH_SIZE, prepare=prepare)


def _epochs(row: Row, options: argparse.Namespace, model, data: Example, prepare) -> int:
    """Length of the run; for our own schedule what fits into the minutes, measured on three epochs."""
    if row.schedule.startswith("burda"):
        return sum(epochs(stage) for stage in range(1, options.stages + 1))
    if options.epochs:
        return options.epochs
    num_images = data.x.shape[0]
    seconds = []
    for num_epochs in (1, 3):
        trainer = _trainer(row, num_epochs, prepare, num_images)
        started = time.perf_counter()
        trainer.fit(jax.random.key(0), model, data)
        seconds.append((time.perf_counter() - started) / num_epochs)
    return max(1, int(0.95 * 60 * options.minutes / seconds[-1]))


class _Lines:
    """Prints a line now and then, by the trainer's callback protocol."""

    def __init__(self) -> None:
        self.printed = time.monotonic()

    def on_fit_task_end(self, estimator, context, *, metadata) -> None:
        if time.monotonic() - self.printed > 30 and context.history:
            self.printed = time.monotonic()
            loss = context.history[-1]["train"]["loss"]
            print(f"  epoch {context.epoch:.0f}, {context.seconds:.0f} s: loss {loss:.2f}", flush=True)


def _print(folder: Path) -> None:
    """The table of all evaluated runs, the paper's figures beside ours."""
    rows, figures = [], {}
    for config in sorted(folder.glob("*/config.json")):
        run = RunDirectory.open(config.parent)
        found = run.read_evaluation()
        if found is None:
            continue
        row = Row(**run.config["row"])
        evidence = found["log_evidence"]
        published = row.published
        rows.append([
            row.name, f"{-evidence['value']:.2f} ± {evidence['standard_error']:.2f}",
            "" if published is None else f"{published:.2f}", f"{found['elbo']['value']:.2f}",
            json.dumps(found["active_units"]), f"{evidence['pareto_k']:.2f}", str(run.config["epochs"]),
            f"{found['training_seconds']:.0f}",
        ])  # fmt: skip
        figures[row.name] = {**found, "published": published, "epochs": run.config["epochs"]}
    columns = ["run", "-log p(x)", "paper", "ELBO", "active units", "Pareto k", "epochs", "training s"]
    show("Test figures, nats per image", columns, rows)
    if figures:
        print("written:", write("iwae", figures))
