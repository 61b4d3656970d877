"""From a fitted estimator and data to the arrays of a report."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from latlas.core import Example, in_float32, map_rows
from latlas.data import Table, fingerprint, flat_image_shape
from latlas.evaluation.evidence import kl_per_dimension
from latlas.models import AbstractLatentModel
from latlas.report.data import (
    Items,
    LatentMap,
    Measures,
    ReportData,
    RunDetails,
    Scores,
    kind_of,
    positions,
)

NUM_SHOWN = {"image": 64, "series": 12, "table": 1000}  # samples; a table shows their spread
NUM_ORIGINALS, MOST_NUMBERS = 1000, 4_000_000  # examples with their reconstructions, and numbers in them
# rows that are scored, each by so many decodings: a convolution takes a hundred times as long as a perceptron
NUM_SCORED, NUM_DRAWS, NUM_MADE_UP = {"mlp": 10_000, "conv": 500}, 20, 200
MOST_FOR_KL = 20_000  # examples of its mean, evenly over all
NUM_PATHS, NUM_STEPS = 4, 9
_NAMES = {
    "student_t": "Student-t",
    "discretised_logistic": "discretised logistic",
    "categorical": "categorical",
}
_NAMES |= {name: name.capitalize() for name in ("bernoulli", "gaussian", "laplace", "poisson")}
_NAMES |= {"continuous_bernoulli": "continuous Bernoulli"}


@in_float32
def report_data(
    atlas: Any,
    x: np.ndarray | Table | None,
    *,
    title: str,
    labels: np.ndarray | Sequence[Any] | None = None,
    label_name: str = "label",
    evaluation: Mapping[str, Any] | None = None,
    treatments: Sequence[Mapping[str, Any]] = (),
    curve: Mapping[str, Any] | None = None,
    feature_names: Sequence[str] | None = None,
    item_kind: str | None = None,
    row_names: Sequence[Any] | None = None,
    versions: Mapping[str, str] | None = None,
    run: str = "RUN",
) -> ReportData:
    """What a report shows of a fitted `latlas.estimators.Atlas`.

    Args:
        atlas: fitted.
        x: examples, better not those of the fit: for reconstructions, the map, interpolation and KL; None leaves those out.
        title: what was learned from.
        labels: one per example, to colour the map by.
        label_name: what the labels say.
        evaluation: what `latlas evaluate --json` prints, if it was measured; what `latlas diagnose` prints stands in
            it as `diagnosis`.
        treatments: what the fit did against its findings, as in `Measures`.
        curve: of the path of betas that the model comes from, as in `Measures`.
        feature_names: one per column; by default those that the fit saw.
        item_kind: "image", "series" or "table"; None tells it by the shape and the names, grey images that came flat by
            their pixels, and spectra by neighbours that resemble each other.
        row_names: one per example, such as an index, for those that are explained worst.
        versions: of what computed the run.
        run: the run directory, for the commands that the report suggests.

    Returns:
        The report's data. The same arguments give the same data: samples come from the seed of the fit.
    """
    if feature_names is None:
        feature_names = getattr(atlas, "feature_names_in_", None)
    if isinstance(x, Table):
        x = atlas.checked_table(x)  # by its names, as the codes are
    known = atlas.sample(NUM_SHOWN["image"], draw=False) if x is None else array_of(x)
    items = _kind_of_items(tuple(atlas.item_shape_), item_kind, feature_names, known)
    kind = kind_of(items)
    items = replace(
        items,
        samples=atlas.sample(NUM_SHOWN[kind], draw=kind != "image"),
        samples_are_means=kind == "image",
    )
    origin = np.zeros((1, atlas.record_.spec.latent_dim), np.float32)
    latent = LatentMap(label_name=label_name, prototype=atlas.inverse_transform(origin)[0])
    if x is not None:
        codes = atlas.transform(x)
        rows = spread_rows(len(x), min(NUM_ORIGINALS, max(1, MOST_NUMBERS // int(np.prod(items.shape)))))
        some = array_of(x)[spread_rows(len(x), MOST_FOR_KL)]
        in_units = atlas.record_.units.to_model(np.reshape(some, (len(some), *atlas.item_shape_)))
        items = replace(
            items,
            originals=array_of(x)[rows],
            reconstructions=atlas.inverse_transform(codes[rows]),
            of_fit=is_of_fit(atlas, x),
        )
        latent = replace(
            latent,
            codes=codes,
            labels=labels,
            kl_per_dimension=mean_kl_per_dimension(atlas.model_, in_units),
            interpolation=_paths(atlas, codes),
        )
    measures = Measures(evaluation, atlas.history_, treatments, curve)
    scores = None if x is None or not len(x) else _scores(atlas, array_of(x), row_names)
    return ReportData(title, items, latent, measures, _details(atlas, versions or {}, run), scores)


def _kind_of_items(
    shape: tuple[int, ...], kind: str | None, names: Sequence[str] | None, known: np.ndarray
) -> Items:
    """What one item is, told by all that are known: pictures and spectra come as flat as tables do."""
    names = None if names is None else [str(name) for name in names]
    items = Items(shape, kind, names, originals=known[spread_rows(len(known), NUM_SHOWN["table"])])
    nameless = names is None or positions(items) is not None
    side = flat_image_shape(known) if kind is None and nameless and len(shape) == 1 else None
    if side is not None:
        return Items(side)
    return replace(items, kind=kind_of(items), originals=None)


def array_of(x: np.ndarray | Table) -> np.ndarray:
    """The rows alone."""
    return x.x if isinstance(x, Table) else np.asarray(x)


def _details(atlas: Any, versions: Mapping[str, str], path: str) -> RunDetails:
    return RunDetails(
        path,
        facts=_facts(atlas),
        likelihood=_NAMES.get(atlas.likelihood_, atlas.likelihood_.replace("_", " ")),
        likelihood_reason=atlas.likelihood_reason_,
        seed=atlas.record_.seed,
        fingerprint=atlas.record_.data.get("fingerprint"),
        options=atlas.get_params(deep=False),
        versions=versions,
    )


def is_of_fit(atlas: Any, x: np.ndarray | Table) -> bool | None:
    """Whether the data are those that an estimator was fitted to, by their fingerprint; None where none was kept."""
    kept = atlas.record_.data.get("fingerprint")
    rows = np.reshape(array_of(x), (len(x), *atlas.item_shape_))
    return None if kept is None else fingerprint(rows) == kept


def spread_rows(count: int, most: int) -> np.ndarray:
    """Indices of at most so many rows, evenly over all: data often come sorted."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _scores(atlas: Any, x: np.ndarray, names: Sequence[Any] | None) -> Scores:
    """Log p(x) of rows and of what the model makes up, from a few draws each: enough to tell which are the worst."""
    rows = spread_rows(len(x), NUM_SCORED[atlas.record_.spec.network])
    made_up = atlas.sample(NUM_MADE_UP, draw=True)
    with warnings.catch_warnings():
        # the columns are in the order of the fit, and arrays have no names
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        log_p, of_samples = (
            atlas.score_samples(rows_, num_samples=NUM_DRAWS) for rows_ in (x[rows], made_up)
        )
        found = Scores(log_p, rows, of_samples, names=names, total=len(x))
        worst = x[rows[found.order]]
        return replace(found, worst=worst, rebuilt=atlas.inverse_transform(atlas.transform(worst)))


def mean_kl_per_dimension(model: AbstractLatentModel, x: np.ndarray) -> np.ndarray | None:
    """KL(q || p) of each latent dimension in nats, mean over examples, against the model's own prior.

    Args:
        model: any model.
        x: examples in the model's units.

    Returns:
        `(latent_dim,)`; None where posterior and prior do not factorise over the dimensions.
    """
    kl, _ = map_rows(_kl, model, Example(x))
    return None if kl is None else np.asarray(np.mean(kl, axis=0, dtype=np.float64))


def _kl(model: AbstractLatentModel, example: Example) -> tuple[Array | None, Array]:
    kl = kl_per_dimension(model.posterior(example), model.prior(example.condition))
    return kl, jnp.zeros(())  # JAX maps no function that returns no array


def _facts(atlas: Any) -> dict[str, Any]:
    facts = {"training examples": int(atlas.record_.data["shape"][0]), "epochs": int(atlas.n_iter_)}
    seconds = atlas.history_[-1].get("seconds") if atlas.history_ else None
    return facts | ({} if seconds is None else {"training time": _duration(seconds)})


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _paths(atlas: Any, loc: np.ndarray) -> np.ndarray:
    """Straight lines between the codes of examples far apart in the data's order, decoded."""
    ends = loc[spread_rows(len(loc), 2 * NUM_PATHS)]
    half = max(1, len(ends) // 2)
    starts, ends = ends[:half], ends[-half:]
    shares = np.linspace(0, 1, NUM_STEPS, dtype=loc.dtype)[:, None]
    z = (1 - shares) * starts[:, None] + shares * ends[:, None]
    items = np.asarray(atlas.inverse_transform(z.reshape(-1, z.shape[-1])))
    return items.reshape(*z.shape[:2], *items.shape[1:])
