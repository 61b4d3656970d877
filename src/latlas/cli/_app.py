"""The verbs and their options; what they do is in `_verbs`, which is loaded when one of them runs.

Nothing here may import JAX: `latlas --help` and a wrong option answer at once.
"""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import lazy_loader
from cyclopts import App, Parameter, Token

from latlas.cli._choices import Engine, Family, Likelihood
from latlas.cli._columns import Columns

# the warning is about packages that load anyway; this one is small, and its heavy part is the module named here
_verbs = lazy_loader.load("latlas.cli._verbs", suppress_warning=True)
_path = lazy_loader.load("latlas.cli._path", suppress_warning=True)
_bayes = lazy_loader.load("latlas.cli._bayes", suppress_warning=True)

app = App(
    name="latlas",
    version=version("latlas"),
    help="A generative map of your data, with evidence you can trust. `latlas VERB --help` tells more; "
    "`--config FILE.toml` gives any verb its options from a file, the environment by LATLAS_VERB_OPTION.",
    default_parameter=Parameter(negative=(), show_env_var=False),
    suppress_keyboard_interrupt=False,  # else it exits without a word
)


def _widths(type_: Any, tokens: Sequence[Token]) -> tuple[int, ...]:
    """Whole numbers with commas or spaces between."""
    words = [word for token in tokens for word in token.value.replace(",", " ").split()]
    if not words or not all(word.isdecimal() for word in words):
        raise ValueError(f"{' '.join(words)!r}; expected whole numbers, such as 200,200")
    return tuple(map(int, words))


def _reals(type_: Any, tokens: Sequence[Token]) -> tuple[float, ...]:
    """Numbers with commas or spaces between."""
    words = [word for token in tokens for word in token.value.replace(",", " ").split()]
    try:
        return tuple(map(float, words))
    except ValueError as error:
        raise ValueError(f"{' '.join(words)!r}; expected numbers, such as 0,0.5,11") from error


Numbers = Annotated[tuple[int, ...], Parameter(consume_multiple=True, converter=_widths)]
Levels = Annotated[tuple[float, ...], Parameter(consume_multiple=True, converter=_reals)]
OfColumns = Annotated[Columns, Parameter(name="*")]
_AS_TOLD = Columns()


@app.command
def demo(*, out: Path = Path("runs/demo"), seed: int = 0, overwrite: bool = False, json: bool = False) -> int:
    """Fit scanned digits, measure the fit on held-out ones, draw samples and write a report: a minute, no data needed.

    Args:
        out: the run directory to write.
        seed: seed of everything random.
        overwrite: replace the run that is there.
        json: print one JSON object instead of text.
    """
    return _verbs.demo(out=out, seed=seed, overwrite=overwrite, json=json)


@app.command
def fit(
    data: Path,
    *,
    out: Path,
    likelihood: Likelihood = "auto",
    levels: Levels | None = None,
    latent_dim: int = 8,
    epochs: int | None = None,
    batch_size: int = 100,
    beta: float = 1.0,
    betas: str | None = None,
    warm_up: float = 0.1,
    learning_rate: float = 1e-3,
    network: Literal["mlp", "conv"] = "mlp",
    hidden: Numbers | None = None,
    validation_fraction: float = 0.1,
    patience: int = 20,
    max_error: float | None = None,
    cure: Literal["auto"] | None = None,
    precision: Literal["float32", "bfloat16"] = "float32",
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    columns: OfColumns = _AS_TOLD,
    json: bool = False,
) -> int:
    """Learn a generative model of DATA and write it to a run directory.

    Args:
        data: .npy, .npz (the array `x`, or the only one) or .csv; one row per example.
        out: the run directory to write.
        likelihood: what the data are given the latent; `auto` looks at them and says what it chose and why.
        levels: what an entry can be under categorical and discretised_logistic, such as 5 for 0 to 4, or 0,0.5,11 for
            minimum, step and number; by default those of the data.
        latent_dim: number of latent dimensions.
        epochs: passes over the data; by default chosen from their size.
        batch_size: examples per step.
        beta: price of a nat of information in the latent; 1 is the ELBO.
        betas: several prices, such as 0.1,0.3,1,3,10: one run for each, their rate-distortion curve and the best of them.
        warm_up: fraction of the run over which beta rises from 0.
        learning_rate: of Adam.
        network: `mlp`, or `conv` for images and series.
        hidden: sizes of the hidden layers, or channels of the convolutions, such as 200,200; by default 200,200, and 32,64.
        validation_fraction: of the data, held out to choose the best epoch.
        patience: stop after this many reports without a better validation loss; 0 for never.
        max_error: largest root mean square error of a reconstruction, in the data's unit; a constraint on the fit.
        cure: `auto` watches the fit, treats what is found wrong with it, and says what it did.
        precision: of the matrix products.
        seed: seed of everything random.
        resume: go on with an interrupted run, with the options that it was begun with; more --epochs train a finished
            run further.
        overwrite: replace the run that is there.
        columns: which columns of DATA are what.
        json: print one JSON object instead of text.
    """
    options = {
        "likelihood": likelihood,
        "levels": levels[0] if levels and len(levels) == 1 else levels,
        "latent_dim": latent_dim,
        "epochs": epochs,
        "batch_size": batch_size,
        "beta": beta,
        "warm_up": warm_up,
        "learning_rate": learning_rate,
        "network": network,
        "hidden": hidden,
        "validation_fraction": validation_fraction,
        "patience": patience or None,
        "max_error": max_error,
        "cure": cure,
        "precision": precision,
        "random_state": seed,
    }
    if betas is not None:
        given = {"betas": betas, "resume": resume, "overwrite": overwrite, "columns": columns}
        return _path.fit(data, out=out, options=options, **given, json=json)
    return _verbs.fit(
        data, out=out, options=options, resume=resume, overwrite=overwrite, columns=columns, json=json
    )


@app.command
def evaluate(
    run: Path,
    data: Path,
    *,
    bound: Literal["iwae", "ais", "bracket"] | None = None,
    gap: bool = False,
    num_samples: int = 1000,
    temperatures: int = 1000,
    chains: int = 16,
    max_examples: int = 100,
    seed: int = 0,
    columns: OfColumns = _AS_TOLD,
    json: bool = False,
) -> int:
    """Measure the evidence of DATA under a fitted run: log p(x) with its error, ELBO, rate, distortion, active units.

    Args:
        run: a run directory.
        data: examples that the run has not seen.
        bound: log p(x) from both sides as well: `iwae` from the importance samples, `ais` by annealed importance sampling,
            `bracket` by annealing from both ends, which says how far each end is to be trusted.
        gap: split the distance from the ELBO to log p(x) into what the family of q costs and what the encoder costs.
        num_samples: importance samples per example.
        temperatures: of the annealing.
        chains: of the annealing, per example.
        max_examples: on which `--bound` and `--gap` are measured, drawn from DATA: annealing costs a thousand times more.
        seed: seed of the samples.
        columns: which columns of DATA are what.
        json: print one JSON object instead of text.
    """
    expensive = {"bound": bound, "gap": gap, "temperatures": temperatures, "chains": chains}
    return _verbs.evaluate(
        run,
        data,
        num_samples=num_samples,
        expensive=expensive | {"max_examples": max_examples},
        seed=seed,
        columns=columns,
        json=json,
    )


@app.command
def diagnose(
    run: Path,
    data: Path,
    *,
    train: Path | None = None,
    seed: int = 0,
    columns: OfColumns = _AS_TOLD,
    json: bool = False,
) -> int:
    """Say what is wrong with a fitted run, by name, with the number that shows it and what to do.

    Args:
        run: a run directory.
        data: examples that the run has not seen.
        train: examples that it was fitted on, to tell overfitting; without them its history is asked.
        seed: seed of the draws.
        columns: which columns of DATA are what.
        json: print one JSON object instead of text.
    """
    return _verbs.diagnose(run, data, train=train, seed=seed, columns=columns, json=json)


@app.command
def report(run: Path, data: Path | None = None, *, columns: OfColumns = _AS_TOLD, json: bool = False) -> int:
    """Write report.html of a run again, with reconstructions and the latent map of DATA where it is given.

    Args:
        run: a run directory.
        data: examples to show; a `label` in the .npz colours the map.
        columns: which columns of DATA are what.
        json: print one JSON object instead of text.
    """
    return _verbs.report(run, data, columns=columns, json=json)


@app.command
def sample(
    run: Path,
    *,
    num: int,
    out: Path,
    mean: bool = False,
    seed: int = 0,
    overwrite: bool = False,
    json: bool = False,
) -> int:
    """Draw new examples from a run and write them to a picture (.png, .svg) or an array (.npy, .npz, .csv).

    Args:
        run: a run directory.
        num: how many.
        out: the file to write.
        mean: the likelihood's means instead of draws from it.
        seed: seed of the draws.
        overwrite: replace the file that is there.
        json: print one JSON object instead of text.
    """
    return _verbs.sample(run, num=num, out=out, mean=mean, seed=seed, overwrite=overwrite, json=json)


@app.command
def encode(
    run: Path,
    data: Path,
    *,
    out: Path,
    refine: bool = False,
    seed: int = 0,
    overwrite: bool = False,
    columns: OfColumns = _AS_TOLD,
    json: bool = False,
) -> int:
    """Write the posterior means of DATA (.npy), or means and scales (.npz with `mean` and `scale`).

    Args:
        run: a run directory.
        data: the examples.
        out: the file to write.
        refine: go on from the encoder's guess to the best posterior of each example: slower, and closer to the truth.
        seed: seed of the draws of `--refine`.
        overwrite: replace the file that is there.
        columns: which columns of DATA are what.
        json: print one JSON object instead of text.
    """
    return _verbs.encode(
        run, data, out=out, refine=refine, seed=seed, overwrite=overwrite, columns=columns, json=json
    )


@app.command
def decode(run: Path, latents: Path, *, out: Path, overwrite: bool = False, json: bool = False) -> int:
    """Write the likelihood's means at LATENTS, one row per latent.

    Args:
        run: a run directory.
        latents: .npy or .npz (the array `mean`, or the only one) of shape (number, latent_dim).
        out: the file to write.
        overwrite: replace the file that is there.
        json: print one JSON object instead of text.
    """
    return _verbs.decode(run, latents, out=out, overwrite=overwrite, json=json)


@app.command
def bayes(
    model: str,
    data: Path | None = None,
    *,
    out: Path,
    engine: Engine = "auto",
    family: Family | None = None,
    reference: Literal["nuts"] | None = None,
    tolerance: float = 0.1,
    seed: int = 0,
    overwrite: bool = False,
    json: bool = False,
) -> int:
    """Fit a Bayesian model to DATA, say how far to trust the fit, and write draws and a report to a run directory.

    The model's file is executed, as Python does it: name only files that you trust. Nothing else that latlas reads is ever
    executed.

    Args:
        model: FILE.py:NAME, a NumPyro model: a function whose arguments are the names in DATA.
        data: .json (numbers and lists of numbers by name), .npz (an array per name) or .csv (an array per column); left out
            for a model without arguments.
        out: the run directory to write.
        engine: how to fit; `auto` goes from cheap to expensive until the checks pass, and says what it tried.
        family: of the approximation; by default the engine chooses.
        reference: `nuts` runs it as well, for a comparison: slower.
        tolerance: wanted accuracy of the means, in posterior standard deviations.
        seed: seed of everything random.
        overwrite: replace the run that is there.
        json: print one JSON object instead of text.
    """
    options = {"engine": engine, "family": family, "reference": reference, "tolerance": tolerance}
    return _bayes.fit(model, data, out=out, **options, seed=seed, overwrite=overwrite, json=json)


@app.command
def inspect(run: Path, *, json: bool = False) -> int:
    """Say what a run directory holds and whether each of its files is sound, executing nothing of it.

    Args:
        run: a run directory.
        json: print one JSON object instead of text.
    """
    return _verbs.inspect(run, json=json)
