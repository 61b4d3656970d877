"""Fits held against exact answers: a linear VAE, a linear autoencoder and the importance-weighted bound.

Probabilistic PCA has its maximum likelihood, its subspace and its log p(x) in closed form, and a linear VAE
has the same optimum (Lucas, Tucker, Grosse and Norouzi 2019, arXiv:1911.02469): what the general machinery
finds must agree.
"""

import argparse
import sys
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from benchmarks._exact_estimates import exact_estimates
from benchmarks._results import show, verdict, write
from latlas.core import Example
from latlas.distributions import diagonal_normal
from latlas.evaluation import importance_log_evidence
from latlas.models import PPCA, VAE, AbstractRecognition, Autoencoder, linear_autoencoder, linear_vae
from latlas.objectives import Elbo, MonteCarlo, ReconstructionLoss
from latlas.stats import principal_angles
from latlas.training import Adam, Schedule, Trainer

EVIDENCE_GOAL, ANGLE_GOAL, ERROR_GOAL = 0.1, 1.0, 3.0  # per cent, degrees, standard errors


class Widened(AbstractRecognition):
    """A recognition whose scales are multiplied: a posterior with a known fault.

    Attributes:
        recognition: gives a diagonal Gaussian.
        factor: of its scales.
    """

    recognition: AbstractRecognition
    factor: float

    def __call__(self, example: Example):
        q = self.recognition(example)
        return diagonal_normal(q.mean, self.factor * jnp.sqrt(q.variance))


def ppca_data(
    seed: int, num: int, features: int, latent_dim: int
) -> tuple[Float[np.ndarray, "examples features"], Float[np.ndarray, "examples features"]]:
    """Training and test data of one probabilistic PCA model, as many of each."""
    rng = np.random.default_rng(seed)
    # columns of falling length, so that the principal directions are distinct
    weight = rng.normal(size=(features, latent_dim)) * np.linspace(1.5, 0.7, latent_dim)
    z, noise = rng.normal(size=(2 * num, latent_dim)), rng.normal(size=(2 * num, features))
    x = (z @ weight.T + rng.normal(size=features) + 0.5 * noise).astype(np.float32)
    return x[:num], x[num:]


def fit_linear_vae(key: PRNGKeyArray, x: np.ndarray, latent_dim: int, num_steps: int) -> VAE:
    """A VAE of affine maps, trained by the ELBO like any other."""
    model_key, fit_key = jr.split(key)
    model = linear_vae(model_key, x.shape[1], latent_dim)
    return _fit(Elbo(draws=MonteCarlo(4)), fit_key, model, x, num_steps)


def fit_linear_autoencoder(key: PRNGKeyArray, x: np.ndarray, latent_dim: int, num_steps: int) -> Autoencoder:
    """An autoencoder of affine maps, trained by the squared error."""
    model_key, fit_key = jr.split(key)
    return _fit(
        ReconstructionLoss(), fit_key, linear_autoencoder(model_key, x.shape[1], latent_dim), x, num_steps
    )


def _fit(objective, key, model, x, num_steps):
    rate = Schedule("cosine_decay_schedule", init_value=0.02, decay_steps=num_steps)
    trainer = Trainer(objective, Adam(rate), num_steps=num_steps, batch_size=200)
    return trainer.fit(key, model, Example(jnp.asarray(x))).model


def as_ppca(model: VAE) -> PPCA:
    """The joint density of a linear VAE, whose evidence is exact."""
    (layer,) = model.decoder.layers
    return PPCA(layer.weight.T, layer.bias, model.head.scale.value)


def exact_evidence(model: PPCA, x: np.ndarray) -> Float[np.ndarray, " examples"]:
    """log p(x) of every row, in nats."""
    return np.asarray(
        eqx.filter_jit(eqx.filter_vmap(model.log_evidence))(Example(jnp.asarray(x))), np.float64
    )


def subspace_angle(model: Autoencoder, x: np.ndarray, latent_dim: int) -> float:
    """Largest principal angle in degrees between the decoder's span and that of PCA."""
    _, _, directions = np.linalg.svd(x - x.mean(0, dtype=np.float64), full_matrices=False)
    (layer,) = model.decoder.layers
    return float(principal_angles(layer.weight.T, directions[:latent_dim].T)[0])


def bound_errors(
    key: PRNGKeyArray, model: VAE, x: np.ndarray, sample_numbers: Sequence[int], factor: float
) -> list[dict[str, float]]:
    """The mean importance-weighted bound with a widened posterior, against the exact log p(x) of the same model."""
    exact = exact_evidence(as_ppca(model), x)
    rows = []
    for num_samples in sample_numbers:
        found = importance_log_evidence(
            key, model, Example(x), num_samples=num_samples, proposal=Widened(model.recognition, factor)
        )
        gap = found.log_evidence - exact
        # from the gaps themselves, so that it is known for one sample too
        error = np.std(gap, ddof=1) / np.sqrt(len(x))
        rows.append({"num_samples": num_samples, "bound": float(found.log_evidence.mean()),
                     "exact": float(exact.mean()), "gap": float(gap.mean()), "standard_error": float(error),
                     "pareto_k": found.summary().pareto_k})  # fmt: skip
    return rows


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks exact", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument(
        "--estimates",
        type=int,
        metavar="SEEDS",
        help="hold every estimate of log p(x) against the exact one instead",
    )
    options = parser.parse_args(arguments)
    if options.estimates:
        print("written:", write("exact_estimates", exact_estimates(options.estimates)))
        return 0
    features, latent_dim, rows = 12, 3, []
    for seed in range(options.seeds):
        train, test = ppca_data(seed, 5000, features, latent_dim)
        vae_key, autoencoder_key, bound_key = jr.split(jr.key(seed), 3)
        best = exact_evidence(PPCA.maximum_likelihood(train, latent_dim), test).mean()
        vae = fit_linear_vae(vae_key, train, latent_dim, options.steps)
        found = exact_evidence(as_ppca(vae), test).mean()
        autoencoder = fit_linear_autoencoder(autoencoder_key, train, latent_dim, options.steps)
        bounds = bound_errors(bound_key, vae, test[:500], (1, 5, 50, 500, 5000), 1.5)
        rows.append({"seed": seed, "maximum_likelihood": float(best), "linear_vae": float(found),
                     "percent_off": float(100 * abs(found / best - 1)),
                     "degrees": subspace_angle(autoencoder, train, latent_dim), "bounds": bounds})  # fmt: skip
    _print(rows)
    print("written:", write("exact", {"runs": rows}))
    return 0


def _print(rows: list[dict]) -> None:
    table = [
        [str(row["seed"]), f"{row['maximum_likelihood']:.4f}", f"{row['linear_vae']:.4f}",
         f"{row['percent_off']:.4f} %", verdict(row["percent_off"], EVIDENCE_GOAL),
         f"{row['degrees']:.4f}°", verdict(row["degrees"], ANGLE_GOAL)]
        for row in rows
    ]  # fmt: skip
    columns = ["seed", "ML log p(x)", "linear VAE", "off", "<= 0.1 %", "AE - PCA", "<= 1°"]
    show("Held-out nats per example of a linear VAE; subspace of a linear autoencoder", columns, table)
    for row in rows:
        table = []
        for bound in row["bounds"]:
            errors = bound["gap"] / bound["standard_error"]
            judged = verdict(abs(errors), ERROR_GOAL) if bound is row["bounds"][-1] else ""
            figures = (f"{bound[name]:.4f}" for name in ("bound", "exact", "gap"))
            k = f"{bound['pareto_k']:.2f}"
            table.append([str(bound["num_samples"]), *figures, f"{errors:+.1f}", k, judged])
        columns = ["K", "IWAE_K", "exact", "gap", "in standard errors", "Pareto k", "<= 3"]
        show(f"The importance-weighted bound, posterior scales times 1.5, seed {row['seed']}", columns, table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
