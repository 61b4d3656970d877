"""Coordinate ascent beside scikit-learn's, on the same data, priors and bound: Gaussian mixtures and topics.

scikit-learn's bound of a mixture leaves constants out, so both are measured by latlas's exact ELBO, evaluated at
scikit-learn's variational parameters; its `score` of an allocation is the same bound, and is printed beside. Each is given
the same number of starts. Seconds are of CPU, of a second fit with other starts: the first one compiles, and is printed
apart.
"""

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.random as jr
import numpy as np
import scipy.sparse as sp
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.decomposition import LatentDirichletAllocation as TheirLatentDirichletAllocation
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture
from sklearn.preprocessing import StandardScaler

from benchmarks._clock import Clock
from benchmarks._results import show, verdict, write
from latlas.bayes import cavi, stochastic_cavi
from latlas.bayes.conjugate import (
    GaussianMixture,
    GaussianMixturePosterior,
    LatentDirichletAllocation,
    LatentDirichletPosterior,
    NormalWishart,
)
from latlas.bayes.conjugate._mixture_weights import DirichletWeights
from latlas.bayes.conjugate._topics import fit_documents


def tables() -> dict[str, tuple[np.ndarray, int]]:
    """Name -> (rows, components)."""
    digits = PCA(10, random_state=0).fit_transform(load_digits().data)
    return {
        "iris, 150 x 4": (load_iris().data, 3),
        "wine, 178 x 13": (StandardScaler().fit_transform(load_wine().data), 3),
        "digits, 1797 x 10": (digits, 10),
    }


def cells() -> sp.csr_array:
    """UMI counts of 2,638 cells x 2,000 genes, as documents of words."""
    path = Path(os.environ.get("LATLAS_DATA", "data")) / "sc_pbmc3k" / "pbmc3k_hvg2000.npz"
    if not path.exists():
        raise SystemExit(f"{path} does not exist: set LATLAS_DATA to the folder that holds sc_pbmc3k.")
    with np.load(path, allow_pickle=False) as arrays:
        parts = (arrays["data"].astype(float), arrays["indices"].astype(np.int32), arrays["indptr"])
        return sp.csr_array(parts, shape=tuple(arrays["shape"]))


def timed(fit: Callable[[int], Any]) -> tuple[Any, float, float]:
    """The second of two fits, its CPU seconds, and those of the first."""
    with Clock() as first:
        fit(100)
    with Clock() as second:
        found = fit(0)
    return found, second.cpu, first.cpu


def mixture_bound(model: GaussianMixture, x: np.ndarray, theirs: BayesianGaussianMixture) -> float:
    """The exact ELBO, with all constants, of a fitted BayesianGaussianMixture with full covariances, in nats."""
    nu = theirs.degrees_of_freedom_
    components = NormalWishart(
        theirs.means_, theirs.mean_precision_, nu, theirs.covariances_ * nu[:, None, None]
    )
    q = GaussianMixturePosterior(DirichletWeights(theirs.weight_concentration_), components)
    with jax.enable_x64(True):
        return float(model.elbo(model.prepare(x), q))


def compare_mixture(name: str, x: np.ndarray, num_components: int, starts: int, seeds: int) -> dict[str, Any]:
    model = GaussianMixture(num_components)

    def theirs(seed: int) -> BayesianGaussianMixture:
        return BayesianGaussianMixture(
            n_components=num_components, weight_concentration_prior_type="dirichlet_distribution",
            reg_covar=0, tol=1e-6, max_iter=5000, n_init=starts, random_state=seed
        ).fit(x)  # fmt: skip

    def ours(seed: int):
        return cavi(jr.key(seed), model, x, num_starts=starts, max_sweeps=5000)

    found, seconds, first = timed(ours)
    peer, peer_seconds, _ = timed(theirs)
    others = range(1, seeds)
    return {
        "data": name, "components": num_components, "converged": found.converged,
        "elbos": [found.elbo, *(ours(seed).elbo for seed in others)],
        "peers": [mixture_bound(model, x, fit) for fit in (peer, *map(theirs, others))],
        "seconds": seconds, "first": first, "peer_seconds": peer_seconds,
    }  # fmt: skip


def topic_bounds(model: LatentDirichletAllocation, counts: sp.csr_array, theirs: Any) -> tuple[float, float]:
    """The exact ELBO at scikit-learn's topics and documents, and at its topics with our documents, in nats."""
    alpha = np.asarray(1 / model.num_topics)
    shares = theirs._unnormalized_transform(counts)
    with jax.enable_x64(True):
        problem = model.prepare(counts)
        bound = float(model.elbo(problem, LatentDirichletPosterior(theirs.components_, shares, alpha)))
        documents = fit_documents(problem, np.asarray(theirs.components_))
        return bound, float(
            model.elbo(problem, LatentDirichletPosterior(theirs.components_, documents, alpha))
        )


def compare_topics(counts: sp.csr_array, num_topics: int, sweeps: int, seeds: int) -> list[dict[str, Any]]:
    model, rows = LatentDirichletAllocation(num_topics), []
    ours = {
        "cavi": lambda seed: cavi(jr.key(seed), model, counts, max_sweeps=sweeps, tolerance=1.0),
        "stochastic_cavi": lambda seed: stochastic_cavi(jr.key(seed), model, counts, num_epochs=sweeps // 2),
    }
    for name, fit in ours.items():
        fits = [timed(fit)] + [(fit(seed), None, None) for seed in range(1, seeds)]
        rows.append({"method": f"latlas {name}", "seconds": fits[0][1], "first": fits[0][2],
                     "elbos": [found.elbo for found, _, _ in fits]})  # fmt: skip
    for method in ("batch", "online"):
        elbos, scores, seconds = [], [], []
        for seed in range(seeds):
            theirs = TheirLatentDirichletAllocation(
                num_topics, learning_method=method, max_iter=sweeps // 2, random_state=seed, batch_size=64
            )
            with Clock() as clock:
                theirs.fit(counts)
            own, with_our_documents = topic_bounds(model, counts, theirs)
            elbos.append(max(own, with_our_documents))
            scores.append(float(theirs.score(counts)) - own)
            seconds.append(clock.cpu)
        rows.append({"method": f"scikit-learn {method}", "seconds": seconds[0], "first": seconds[0],
                     "elbos": elbos, "score_minus_ours": scores})  # fmt: skip
    return rows


def spread(elbos: Sequence[float]) -> list[str]:
    """Best, mean and worst."""
    return [f"{value:.3f}" for value in (max(elbos), np.mean(elbos), min(elbos))]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks cavi", description=__doc__)
    parser.add_argument("--starts", type=int, default=10, help="of each mixture")
    parser.add_argument("--topics", type=int, default=10, help="of the allocation")
    parser.add_argument("--sweeps", type=int, default=40, help="of the allocation; scikit-learn does half")
    parser.add_argument("--seeds", type=int, default=3, help="of each fit")
    parser.add_argument("--only", choices=["mixtures", "topics"])
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore", ConvergenceWarning)
    figures = {}
    if options.only != "topics":
        mixtures = figures["mixtures"] = [
            compare_mixture(name, *table, options.starts, options.seeds) for name, table in tables().items()
        ]
        show(
            f"Gaussian mixtures, best of {options.starts} starts: exact ELBO in nats of {options.seeds} seeds, CPU seconds",
            ["data", "method", "best ELBO", "mean ELBO", "worst ELBO", "mean at least", "s", "first s"],
            [line for row in mixtures for line in (
                [row["data"], f"latlas, K = {row['components']}", *spread(row["elbos"]),
                 verdict(np.mean(row["elbos"]), np.mean(row["peers"]) - 1e-3, at_least=True),
                 f"{row['seconds']:.2f}", f"{row['first']:.2f}"],
                ["", "scikit-learn", *spread(row["peers"]), "", f"{row['peer_seconds']:.2f}", ""],
            )],
        )  # fmt: skip
    if options.only != "mixtures":
        topics = figures["topics"] = compare_topics(cells(), options.topics, options.sweeps, options.seeds)
        show(
            f"Topics of 2,638 cells x 2,000 genes, {options.topics} topics: exact ELBO in nats of each seed, CPU seconds",
            ["method", "best ELBO", "mean ELBO", "worst ELBO", "s", "first s"],
            [[row["method"], *spread(row["elbos"]), f"{row['seconds']:.1f}", f"{row['first']:.1f}"] for row in topics],
        )  # fmt: skip
        difference = max(abs(gap) for row in topics for gap in row.get("score_minus_ours", []))
        print(
            f"scikit-learn's score differs from our bound at its parameters by at most {difference:.2g} nats"
        )
    print("written:", write("cavi", figures))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
