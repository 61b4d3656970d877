"""What the verbs do. Each returns what `--json` prints, and prints a few plain lines itself where `show` is set."""

import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from latlas import data as readers
from latlas.cli import _words
from latlas.cli._bayes import write_page
from latlas.cli._columns import Columns
from latlas.cli._data import read_for, read_table
from latlas.cli._evidence import check_expensive, expensive_measures
from latlas.cli._inspection import inspected
from latlas.cli._progress import rows_done
from latlas.cli._session import check_free, checking_verb, verb
from latlas.core import RequestError, RunDirectory
from latlas.estimators import Atlas, is_of_fit, load, read_config, report_data
from latlas.report import render, save_image_grid
from latlas.training import progress

BAYES = "bayes"  # the kind of run that `latlas bayes` writes
_PICTURES = (".png", ".svg")


@verb
def demo(*, out: Path, seed: int, overwrite: bool, show: bool) -> dict[str, Any]:
    """Fit, evaluate, sample and report on scikit-learn's digits."""
    table = readers.digits()
    assert table.label is not None  # every digit has one
    order = np.random.default_rng(0).permutation(len(table))
    train, test = order[:1437], order[1437:]
    started = time.monotonic()
    atlas = Atlas(latent_dim=8, random_state=seed)
    atlas.fit(table.x[train], run=out, overwrite=overwrite, callbacks=[progress()])
    run = RunDirectory.open(out)
    evaluation = _measure(atlas, table.x[test], num_samples=500, seed=seed)
    run.write_evaluation(evaluation)
    picture = out / "samples.png"
    save_image_grid(picture, atlas.sample(64, draw=False), atlas.item_shape_)
    _write_report(run, atlas, table.take(test), evaluation, title="scanned digits")
    seconds = time.monotonic() - started
    if show:
        print(_words.demo(atlas, evaluation, out, picture, seconds))
    return {
        "run": str(out),
        "evaluation": evaluation,
        "report": str(out / "report.html"),
        "seconds": round(seconds, 2),
    }


@verb
def fit(
    data: Path,
    *,
    out: Path,
    options: dict[str, Any],
    resume: bool,
    overwrite: bool,
    columns: Columns,
    show: bool,
) -> dict[str, Any]:
    """Fit an Atlas and write its run directory."""
    if resume and overwrite:
        raise RequestError("--resume goes on with a run and --overwrite removes it. Give one of them.")
    if resume and not (out / "config.json").exists():
        raise RequestError(f"There is no run {out} to resume. Leave --resume out to start one.")
    table = read_table(data, columns, read_config(RunDirectory.open(out)) if resume else None)
    atlas = Atlas(**options)
    started = time.monotonic()
    atlas.fit(table, run=out, resume=resume, overwrite=overwrite, callbacks=[progress()])
    run = RunDirectory.open(out)
    _write_report(run, atlas, table, run.read_evaluation())
    found = {
        "run": str(out),
        "likelihood": atlas.likelihood_,
        "epochs": atlas.n_iter_,
        "elbo": atlas.summary()["elbo"],
        "seconds": round(time.monotonic() - started, 3),
    }
    if options.get("cure"):
        found["treatments"] = atlas.treatments_
    if show:
        print(_words.fit(atlas, found))
    return found


@verb
def evaluate(
    run: Path,
    data: Path,
    *,
    num_samples: int,
    expensive: dict[str, Any],
    seed: int,
    columns: Columns,
    show: bool,
) -> dict[str, Any]:
    """Evidence of data under a run, kept in its evaluation.json."""
    if num_samples < 1:
        raise RequestError(f"--num-samples must be at least 1; got {num_samples}.")
    check_expensive(expensive)
    directory = RunDirectory.open(run)
    atlas = load(directory)
    table = read_for(atlas, data, columns)
    evaluation = _measure(atlas, table, num_samples=num_samples, seed=seed)
    evaluation |= expensive_measures(atlas, table, num_samples=num_samples, seed=seed, **expensive)
    with directory.lock():
        known = directory.read_evaluation() or {}
        kept = evaluation | {name: known[name] for name in ("diagnosis",) if name in known}
        directory.write_evaluation(kept)
        _write_report(directory, atlas, table, kept)
    if show:
        print(_words.evaluation(evaluation))
    return evaluation


@verb
def diagnose(
    run: Path, data: Path, *, train: Path | None, seed: int, columns: Columns, show: bool
) -> dict[str, Any]:
    """What is wrong with a run, kept in its evaluation.json."""
    directory = RunDirectory.open(run)
    atlas = load(directory)
    seen = None if train is None else read_for(atlas, train, columns)
    table = read_for(atlas, data, columns)
    with rows_done("diagnose") as told:
        found = atlas.diagnose(table, train=seen, random_state=seed, progress=told).to_dict()
    with directory.lock():
        kept = (directory.read_evaluation() or {}) | {"diagnosis": found}
        directory.write_evaluation(kept)
        _write_report(directory, atlas, table, kept)
    if show:
        print(_words.diagnosis(found))
    return found


@verb
def report(run: Path, data: Path | None, *, columns: Columns, show: bool) -> dict[str, Any]:
    """The report of a run, written again."""
    directory = RunDirectory.open(run)
    if directory.config.get("kind") == BAYES:
        path = write_page(directory)
        if show:
            print(f"Written: {path}")
        return {"run": str(run), "report": str(path)}
    atlas = load(directory)
    table = None if data is None else read_for(atlas, data, columns)
    with directory.lock():
        path = _write_report(directory, atlas, table, directory.read_evaluation())
    if show:
        print(f"Written: {path}")
    return {"run": str(run), "report": str(path)}


@verb
def sample(
    run: Path, *, num: int, out: Path, mean: bool, seed: int, overwrite: bool, show: bool
) -> dict[str, Any]:
    """New examples, as a picture or an array."""
    if num < 1:
        raise RequestError(f"--num must be at least 1; got {num}.")
    check_free(out, overwrite=overwrite)
    if out.suffix not in (*_PICTURES, ".npy", ".npz", ".csv"):
        raise RequestError(f"{out} must end in .png, .svg, .npy, .npz or .csv, which says what to write.")
    atlas = load(run)
    items = atlas.sample(num, draw=not mean, random_state=seed)
    if out.suffix in _PICTURES:
        save_image_grid(out, items, atlas.item_shape_, feature_names=_feature_names(atlas))
    else:
        readers.write(out, columns=_feature_names(atlas), x=items)
    if show:
        print(f"Written: {out} ({_words.shape_of(items)})")
    return {"run": str(run), "out": str(out), "num": num}


@verb
def encode(
    run: Path,
    data: Path,
    *,
    out: Path,
    refine: bool,
    seed: int,
    overwrite: bool,
    columns: Columns,
    show: bool,
) -> dict[str, Any]:
    """Posterior means, with their scales in an `.npz`."""
    check_free(out, overwrite=overwrite)
    atlas = load(run)
    loc, scale = atlas.encode(read_for(atlas, data, columns), refine=refine, random_state=seed)
    arrays = {"mean": loc, "scale": scale} if out.suffix == ".npz" else {"mean": loc}
    readers.write(out, columns=list(atlas.get_feature_names_out()), **arrays)
    if show:
        print(f"Written: {out} ({_words.shape_of(loc)})")
    return {"run": str(run), "out": str(out), "shape": list(loc.shape)}


@verb
def decode(run: Path, latents: Path, *, out: Path, overwrite: bool, show: bool) -> dict[str, Any]:
    """The likelihood's means at given latents."""
    check_free(out, overwrite=overwrite)
    atlas = load(run)
    items = atlas.inverse_transform(_latents(atlas, latents))
    if out.suffix == ".csv":
        items = items.reshape(len(items), -1)
    readers.write(out, columns=_feature_names(atlas), x=items)
    if show:
        print(f"Written: {out} ({_words.shape_of(items)})")
    return {"run": str(run), "out": str(out), "shape": list(items.shape)}


@checking_verb
def inspect(run: Path, *, show: bool) -> dict[str, Any]:
    """What a run holds, and whether its files are sound."""
    found = inspected(RunDirectory.open(run))
    if show:
        print(_words.inspection(found))
    return found


def _latents(atlas: Atlas, path: Path) -> np.ndarray:
    """The latents in a file, in the order of the model where they have names."""
    names = [str(name) for name in atlas.get_feature_names_out()]
    # a table of latents has neither labels nor an index
    alone = {"label": "none", "index": "none", "fitted": names} if ".csv" in path.suffixes else {}
    return readers.read(path, array="mean", **alone).ordered(names).x


def _measure(atlas: Atlas, x: Any, *, num_samples: int, seed: int) -> dict[str, Any]:
    with rows_done("evaluate") as told:
        found = atlas.evaluate(x, num_samples=num_samples, random_state=seed, progress=told).to_dict()
    return found | {"of_fit": is_of_fit(atlas, x)}


def _write_report(
    run: RunDirectory,
    atlas: Atlas,
    table: readers.Table | None,
    evaluation: dict[str, Any] | None,
    *,
    title: str | None = None,
) -> Path:
    label_name = "label" if table is None or table.label_name is None else table.label_name
    versions = run.config["versions"] | {"device": jax.default_backend()}
    data = report_data(
        atlas,
        table,
        title=title or run.path.resolve().name,
        labels=None if table is None else table.label,
        label_name=label_name,
        row_names=None if table is None or table.index is None else table.index.tolist(),
        evaluation=evaluation,
        treatments=atlas.treatments_,
        versions=versions,
        run=str(run.path),
    )
    return run.write_report(render(data))


def _feature_names(atlas: Atlas) -> tuple[str, ...] | None:
    names = getattr(atlas, "feature_names_in_", None)
    return None if names is None else tuple(map(str, names))
