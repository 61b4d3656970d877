"""Annealed importance sampling on binarized MNIST: its speed, and whether it agrees with importance sampling.

Speed: images x 16 chains x temperatures x 10 leapfrog steps with the decoder 50-200-200-784, against the time
of the same matrix products, forward and back to z: at the rate of products of just these shapes, and at the best
rate of this machine (2048 cubed), both measured between the repetitions. Few images and temperatures are timed and
scaled up; `--full` times all. Run it pinned for one core (`taskset -c 0`): CPU time is then compared, else wall
time.

Agreement (`--agreement`): the mean log p(x) of test images by annealing and by 5,000 importance samples, with what
tells which to believe, and the width of the bracket on data drawn from the model.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.random as jr
import numpy as np

from benchmarks._clock import Clock, num_cores
from benchmarks._data import binarized_mnist
from benchmarks._results import RESULTS, show, verdict, write
from benchmarks._spine import trained
from benchmarks.ours._models import binary_to_float, burda_vae
from latlas.core import Estimate, Example
from latlas.evaluation import Annealing, annealed_log_evidence, importance_log_evidence, simulated_bracket
from latlas.evaluation.evidence._elbo import mean_estimate
from latlas.networks import MLP
from latlas.sampling import HMC

SPEED_GOAL, AGREEMENT_GOAL, WIDTH_GOAL = 2.0, 0.3, 1.0  # times the products, nats, nats
IMAGES, CHAINS, TEMPERATURES, LEAPFROG = 500, 16, 1000, 10


def seconds(clock: Clock) -> float:
    """CPU time where one core is all there is, else wall time."""
    return clock.cpu if num_cores() == 1 else clock.wall


def product_seconds(decoder: MLP, rows: int, calls: int) -> tuple[float, float]:
    """Seconds of the products of one gradient to z of so many rows, and their GFLOP/s."""
    weights = [layer.weight for layer in decoder.layers]
    keys = jr.split(jr.key(0), len(weights))
    activations = [jr.normal(key, (rows, weight.shape[0])) for key, weight in zip(keys, weights, strict=True)]
    cotangents = [jr.normal(key, (rows, weight.shape[1])) for key, weight in zip(keys, weights, strict=True)]

    @jax.jit
    def products(activations, cotangents):
        forward = [a @ w for a, w in zip(activations, weights, strict=True)]
        return forward, [c @ w.T for c, w in zip(cotangents, weights, strict=True)]

    jax.block_until_ready(products(activations, cotangents))
    with Clock() as clock:
        for _ in range(calls):
            found = products(activations, cotangents)
        jax.block_until_ready(found)
    once = seconds(clock) / calls
    return once, 4 * rows * sum(weight.size for weight in weights) / once / 1e9


def peak_gflops() -> float:
    """The best rate of a float32 product."""
    left, dot = jr.normal(jr.key(0), (2048, 2048)), jax.jit(jax.numpy.dot)
    jax.block_until_ready(dot(left, left))
    with Clock() as clock:
        jax.block_until_ready(dot(left, left))
    return 2 * 2048**3 / seconds(clock) / 1e9


def speed(images: int, temperatures: int, examples_at_once: int, repetitions: int) -> dict[str, Any]:
    """Time of annealing scaled to the full figure, and of its products at the rate between the repetitions."""
    test = binarized_mnist()["test"][:images].astype(np.float32)
    model = burda_vae(jr.key(0), test.mean(0), 1)
    annealing = Annealing(
        num_temperatures=temperatures,
        num_chains=CHAINS,
        transition=HMC(num_leapfrog=LEAPFROG),
        examples_at_once=examples_at_once,
    )
    annealed_log_evidence(jr.key(0), model, Example(test), annealing=annealing)  # compiles
    at_once = -(-images // -(-images // examples_at_once))
    rows, laps = at_once * CHAINS, []
    gradients = images * CHAINS * temperatures * LEAPFROG
    for repetition in range(repetitions):
        products, rate = product_seconds(model.decoder, rows, calls=100)
        peak = peak_gflops()
        with Clock() as clock:
            annealed_log_evidence(jr.key(repetition), model, Example(test), annealing=annealing)
        floor = products * gradients / rows
        ratio = seconds(clock) / floor
        laps.append({"seconds": seconds(clock), "floor": floor, "gflops": rate, "peak": peak, "ratio": ratio,
                     "ratio_peak": ratio * peak / rate, "background": clock.background})  # fmt: skip
    best = sorted(laps, key=lambda lap: lap["ratio"])[len(laps) // 2]
    scale = IMAGES * TEMPERATURES / (images * temperatures)
    return {"cores": num_cores(), "images": images, "temperatures": temperatures, "rows": rows, "laps": laps,
            "ratio": best["ratio"], "seconds_in_full": best["seconds"] * scale,
            "floor_in_full": best["floor"] * scale}  # fmt: skip


def agreement(
    images: int, simulated: int, temperatures: int, start: str, encoder_width: int, folder: Path
) -> dict[str, Any]:
    """Both estimates of the same test images, and the bracket's width on the model's own data."""
    model = trained(encoder_width, folder=folder)
    test = binarized_mnist()["test"]
    # drawn: the test images are sorted by class
    batch = Example(test[np.random.default_rng(0).permutation(len(test))[:images]])
    annealing = Annealing(
        num_temperatures=temperatures, num_chains=CHAINS, transition=HMC(num_leapfrog=LEAPFROG)
    )
    proposal = model.posterior if start == "posterior" else None
    options = {"prepare": binary_to_float, "progress": _say}
    annealed = annealed_log_evidence(
        jr.key(1), model, batch, annealing=annealing, proposal=proposal, **options
    )
    sampled = importance_log_evidence(jr.key(2), model, batch, num_samples=5000, **options)
    width = simulated_bracket(
        jr.key(3), model, num_examples=simulated, annealing=annealing, proposal=proposal, progress=_say
    )
    difference = mean_estimate(annealed.log_evidence - sampled.log_evidence)
    return {
        "images": images, "temperatures": temperatures, "start": start,
        "annealed": _figures(annealed), "importance_5000": _figures(sampled),
        "difference": difference.to_dict(), "simulated": width.to_dict(),
        "believe": believe(difference, annealed, sampled),
    }  # fmt: skip


def believe(difference: Estimate, annealed: Any, sampled: Any) -> str:
    """Which of two lower bounds to believe, from their weights."""
    verdicts = {"annealing": annealed.summary(), "importance sampling": sampled.summary()}
    sound = [name for name, found in verdicts.items() if found.reliable]
    higher = "annealing" if difference.value > 0 else "importance sampling"
    if abs(difference.value) <= AGREEMENT_GOAL:
        return f"they agree; reliable by its weights: {', '.join(sound) or 'neither'}"
    if sound == [higher]:
        return f"{higher}: its weights are tame and the other's are not, and both err to the low side"
    return (
        f"{higher}, the higher of two lower bounds; reliable by its weights: {', '.join(sound) or 'neither'}"
    )


def _figures(found):
    monte_carlo = float(np.sqrt(np.mean(np.square(found.standard_error, dtype=np.float64))))
    return found.summary().to_dict() | {"monte_carlo_error_per_image": monte_carlo}


def _say(done, total):
    print(f"\r{done} of {total}", end="" if done < total else "\n", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks annealing", description=__doc__)
    parser.add_argument("--images", type=int, help="32 timed (scaled up); 500 for --agreement")
    parser.add_argument("--temperatures", type=int, help="20 timed (scaled up); 1000 for --agreement")
    parser.add_argument("--examples-at-once", type=int, default=32)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument(
        "--full", action="store_true", help="time all 500 images and 1,000 temperatures, once"
    )
    parser.add_argument("--agreement", action="store_true", help="compare the estimates instead of timing")
    parser.add_argument("--simulated", type=int, default=100)
    parser.add_argument("--start", choices=("prior", "posterior"), default="prior")
    parser.add_argument("--encoder-width", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=RESULTS / "spine")
    options = parser.parse_args(arguments)
    if options.agreement:
        found = agreement(
            options.images or IMAGES,
            options.simulated,
            options.temperatures or TEMPERATURES,
            options.start,
            options.encoder_width,
            options.folder,
        )
        _print_agreement(found)
        print("written:", write(f"annealing_agreement_{options.start}", found))
        return 0
    if options.full:
        found = speed(IMAGES, TEMPERATURES, options.examples_at_once, 1)
    else:
        found = speed(
            options.images or 32, options.temperatures or 20, options.examples_at_once, options.repetitions
        )
    rows = [
        [f"{lap['seconds']:.2f}", f"{lap['floor']:.2f}", f"{lap['gflops']:.0f}", f"{lap['ratio']:.3f}",
         f"{lap['peak']:.0f}", f"{lap['ratio_peak']:.3f}", f"{lap['background']:.1f}",
         verdict(lap["ratio_peak"], SPEED_GOAL)]
        for lap in found["laps"]
    ]  # fmt: skip
    title = (
        f"{found['images']} images, {found['temperatures']} temperatures, {found['cores']} core(s); scaled to "
        f"{IMAGES} and {TEMPERATURES}: {found['seconds_in_full']:.0f} s, products {found['floor_in_full']:.0f} s"
    )
    show(
        title,
        ["annealing, s", "products, s", "GFLOP/s", "ratio", "best GFLOP/s", "ratio", "other load", "<= 2"],
        rows,
    )
    print("written:", write("annealing", found))
    return 0


def _print_agreement(found: dict[str, Any]) -> None:
    rows = [
        [name, f"{row['value']:.3f}", f"{row['standard_error']:.3f}", f"{row['monte_carlo_error_per_image']:.3f}",
         f"{row['effective_sample_size']:.1f} of {row['num_samples']}", f"{row['pareto_k']:.2f}", str(row["reliable"])]
        for name, row in ((f"annealing from the {found['start']}", found["annealed"]),
                          ("importance sampling", found["importance_5000"]))
    ]  # fmt: skip
    columns = ["", "log p(x)", "s.e.", "error an image", "effective samples", "Pareto k", "reliable"]
    show(f"{found['images']} test images, {found['temperatures']} temperatures", columns, rows)
    difference, width = found["difference"], found["simulated"]["width"]
    rows = [
        ["annealing - importance sampling", f"{difference['value']:+.3f}", f"{difference['standard_error']:.3f}",
         verdict(abs(difference["value"]), AGREEMENT_GOAL)],
        ["width on simulated data", f"{width['value']:.3f}", f"{width['standard_error']:.3f}",
         verdict(width["value"], WIDTH_GOAL)],
    ]  # fmt: skip
    show("Nats", ["", "mean", "s.e.", "<= 0.3, <= 1"], rows)
    print("Believe:", found["believe"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
