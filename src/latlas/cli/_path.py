"""`fit --betas`: one run per price of information, their curve, and the choice among them."""

import time
from pathlib import Path
from typing import Any

from latlas.cli._columns import Columns
from latlas.cli._data import read_table
from latlas.cli._session import verb
from latlas.core import RequestError, RunDirectory, write_atomically
from latlas.estimators import Atlas, BetaPath, report_data, run_name
from latlas.evaluation import RateDistortionCurve
from latlas.evaluation.rate import checked_betas
from latlas.report import render, save_rate_distortion
from latlas.training import progress

_PICTURE, _REPORT = "rate_distortion.svg", "report.html"


@verb
def fit(
    data: Path,
    *,
    out: Path,
    options: dict[str, Any],
    betas: str,
    resume: bool,
    overwrite: bool,
    columns: Columns,
    show: bool,
) -> dict[str, Any]:
    """Fit a path of betas and write its folder: a run per beta, the curve as JSON and as a picture."""
    if resume:
        raise RequestError(
            "A path of betas is one program and cannot be resumed: leave --resume out, and give --overwrite to fit it again."
        )
    if options["beta"] != 1.0:
        raise RequestError("--beta is for one run and --betas for several. Give one of them.")
    prices = _parsed(betas)
    table = read_table(data, columns)
    path = BetaPath(Atlas(**options), betas=prices)
    started = time.monotonic()
    path.fit(table, run=out, overwrite=overwrite, callbacks=[progress()])
    chosen = path.chosen()
    of_curve = path.curve_.to_dict()
    curve = of_curve | {"chosen": float(path.betas_[chosen])}
    save_rate_distortion(out / _PICTURE, curve)
    atlas = path.atlases_[chosen]
    run = RunDirectory.open(out / run_name(path.betas_[chosen]))
    page = report_data(
        atlas,
        table,
        title=table.name,
        labels=table.label,
        label_name=table.label_name or "label",
        versions=run.config["versions"],
        run=str(run.path),
        curve=curve,
    )
    write_atomically(out / _REPORT, render(page).encode())
    found = {
        "run": str(out),
        "betas": path.betas_.tolist(),
        "curve": of_curve,
        "active_units": _active_units(path.curve_),
        "runs": [str(out / run_name(beta)) for beta in path.betas_],
        "chosen": {"beta": float(path.betas_[chosen]), "run": str(out / run_name(path.betas_[chosen]))},
        "likelihood": atlas.likelihood_,
        "epochs": atlas.n_iter_,
        "picture": str(out / _PICTURE),
        "report": str(out / _REPORT),
        "seconds": round(time.monotonic() - started, 3),
    }
    if show:
        print(_table(found))
    return found


def _parsed(betas: str) -> list[float]:
    """The prices of "0.1,1,10", rising.

    Raises:
        RequestError: if one is no number, or they are not positive and different.
    """
    try:
        values = sorted(float(word) for word in betas.replace(",", " ").split())
    except ValueError as error:
        raise RequestError(
            f"--betas takes numbers with commas between, such as 0.1,1,10; got {betas!r}."
        ) from error
    return checked_betas(values).tolist()


def _active_units(curve: RateDistortionCurve) -> list[int] | None:
    return None if curve.kl_per_dimension is None else curve.active_units().tolist()


def _table(found: dict[str, Any]) -> str:
    curve, chosen = found["curve"], found["chosen"]
    units = found["active_units"] or ["?"] * len(found["betas"])
    columns = (curve["rate"], curve["distortion"], curve["elbo"], units, curve["on_hull"])
    lines = [f"{'beta':>8} {'rate':>10} {'distortion':>11} {'ELBO':>10} {'active units':>13}  on the hull"]
    for beta, rate, distortion, elbo, active, on_hull in zip(found["betas"], *columns, strict=True):
        numbers = f"{_number(rate):>10} {_number(distortion):>11} {_number(elbo):>10}"
        mark = " <- highest ELBO" if beta == chosen["beta"] else ""
        lines.append(f"{beta:>8g} {numbers} {active:>13}  {'yes' if on_hull else 'no'}{mark}")
    return "\n".join([
        *lines,
        f"Nats per example. {found['epochs']} epochs of {len(found['betas'])} models took {found['seconds']:.0f} s.",
        f"Look at {found['report']}; go on with `latlas evaluate {chosen['run']} DATA` or another of the runs.",
    ])  # fmt: skip


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
