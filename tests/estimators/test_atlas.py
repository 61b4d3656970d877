"""The Atlas does what scikit-learn's checks do not ask for: true densities, runs, images, every likelihood."""

import json
import pickle

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

import latlas
from latlas import Atlas
from latlas.core import DataError, Example, InterruptedRunError, RequestError, RunDirectory, RunExistsError
from latlas.data import digits
from latlas.distributions import InDataUnits
from latlas.estimators import LIKELIHOODS, ModelSpec, build_model

RNG = np.random.default_rng(0)
TINY = {"latent_dim": 2, "hidden": (8,), "epochs": 3, "random_state": 0}
X = RNG.normal(size=(60, 5)) * [1, 10, 100, 1, 1] + [0, 5, -1000, 0, 3]


@pytest.fixture(scope="module")
def fitted():
    return Atlas(**TINY).fit(X)


@pytest.fixture(scope="module")
def on_digits():
    return Atlas(latent_dim=8, hidden=(64,), epochs=50, batch_size=50, random_state=0).fit(digits().x[:900])


# --- densities


def test_a_head_in_data_units_scores_as_scipy_does():
    head = LIKELIHOODS["gaussian"].head({}, (3,))
    head = eqx.tree_at(lambda h: h.log_scale, head, jnp.log(jnp.array([2.0, 30.0, 0.1])))
    loc, z = jnp.array([0.1, -0.2, 5.0]), jnp.array([0.5, 1.0, 4.0])
    expected = stats.norm.logpdf([1.0, 30.0, 0.4], [0.2, -6.0, 0.5], [2.0, 30.0, 0.1])
    np.testing.assert_allclose(head.log_prob(loc, z), expected.sum(), rtol=1e-5)
    np.testing.assert_allclose(head.log_prob(loc, z, jnp.array([True, False, False])), expected[0], rtol=1e-5)
    assert isinstance(head, InDataUnits)


def test_a_change_of_units_shifts_the_scores_by_its_jacobian(fitted):
    factor = 2.0 ** np.array([3, 0, -2, 1, 0])  # powers of two, so that standardised values are the same bits
    other = Atlas(**TINY).fit(X * factor)
    shift = np.log(factor).sum()
    np.testing.assert_allclose(
        other.score_samples(X * factor), fitted.score_samples(X) - shift, rtol=1e-5, atol=1e-4
    )
    np.testing.assert_allclose(
        other.history_[-1]["train"]["elbo"], fitted.history_[-1]["train"]["elbo"] - shift, rtol=1e-5
    )
    np.testing.assert_allclose(
        other.reconstruct(X * factor), fitted.reconstruct(X) * factor, rtol=1e-4, atol=1e-4
    )


def test_scores_of_a_linear_map_approach_its_exact_log_evidence():
    """With no hidden layer p(x) is Gaussian in closed form; tolerance: 0.05 nats at 400 samples."""
    x = RNG.normal(size=(200, 2)) @ RNG.normal(size=(2, 4)) + 0.5 * RNG.normal(size=(200, 4))
    atlas = Atlas(latent_dim=2, hidden=(), epochs=150, learning_rate=1e-2, random_state=0, patience=None).fit(
        x
    )
    model, units = atlas.model_, atlas.record_.units
    weight, loc = (
        np.asarray(a, float) for a in (model.decoder.layers[0].weight, model.decoder.layers[0].bias)
    )
    scale = np.asarray(model.head.head.scale.value, float)
    cov = (weight.T @ weight + np.diag(scale**2)) * np.outer(units.scale, units.scale)
    exact = stats.multivariate_normal(units.loc + units.scale * loc, cov).logpdf(x)
    np.testing.assert_allclose(atlas.score_samples(x, num_samples=400).mean(), exact.mean(), atol=0.05)


def test_the_score_of_a_row_does_not_depend_on_the_other_rows(fitted):
    whole = fitted.score_samples(X)
    np.testing.assert_array_equal(fitted.score_samples(X[7:9]), whole[7:9])
    np.testing.assert_array_equal(fitted.score_samples(X[::-1])[::-1], whole)
    np.testing.assert_array_equal(fitted.transform(X[7:9]), fitted.transform(X)[7:9])
    assert fitted.score(X) == whole.mean()


def test_the_scale_of_the_units_is_not_trained(fitted):
    units = fitted.record_.units
    np.testing.assert_array_equal(fitted.model_.head.log_scale, units.log_scale.astype(np.float32))
    np.testing.assert_allclose(units.scale, X.std(axis=0), rtol=1e-12)


@pytest.mark.parametrize("likelihood", ["gaussian", "laplace", "student_t"])
def test_a_constant_column_is_refused_by_name_where_each_has_a_scale(likelihood):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.insert(X, 2, 0.1, axis=1), columns=["mass", "age", "unit", "x", "y", "z"])
    with pytest.raises(DataError, match=r"1 of 6 columns .* constant \('unit'\).*: remove it, or choose"):
        Atlas(likelihood=likelihood, **TINY).fit(frame)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_data_of_one_value_are_refused_by_every_likelihood(likelihood):
    with pytest.raises(DataError, match="nothing to learn: check that the right array was given"):
        Atlas(likelihood=likelihood, **TINY).fit(np.ones((5, 3)))


# --- every likelihood, items of any shape

KINDS = {
    "bernoulli": RNG.integers(0, 2, (30, 4)),
    "continuous_bernoulli": RNG.uniform(size=(30, 4)),
    "gaussian": X,
    "laplace": RNG.normal(size=(30, 4)),
    "student_t": RNG.normal(size=(30, 4)),
    "poisson": RNG.poisson(4.0, (30, 4)),
    "categorical": RNG.integers(2, 5, (30, 4)),
    "discretised_logistic": RNG.integers(0, 17, (30, 4)),
}
DENSITIES = {"continuous_bernoulli", "gaussian", "laplace", "student_t"}


def _shares(column):
    """Mean log probability of whole numbers under the shares of their values."""
    counts = np.unique(column, return_counts=True)[1]
    return np.sum(counts / counts.sum() * np.log(counts / counts.sum()))


ALONE = {
    "bernoulli": _shares,
    "categorical": _shares,
    "discretised_logistic": _shares,
    "continuous_bernoulli": lambda column: 0.0,
    "gaussian": lambda column: stats.norm(column.mean(), column.std()).logpdf(column).mean(),
    "laplace": lambda column: (
        stats.laplace(np.median(column), column.std() / np.sqrt(2)).logpdf(column).mean()
    ),
    "student_t": lambda column: stats.norm(column.mean(), column.std()).logpdf(column).mean(),
    "poisson": lambda column: stats.poisson(column.mean()).logpmf(column).mean(),
}
for name in ("bernoulli", "continuous_bernoulli", "poisson", "categorical", "discretised_logistic"):
    KINDS[name][:, 3] = KINDS[name].min()  # the border of an image, which these take


@pytest.mark.parametrize("likelihood", KINDS)
def test_every_likelihood_fits_samples_and_scores_in_the_datas_units(likelihood):
    x = KINDS[likelihood]
    atlas = Atlas(likelihood=likelihood, **TINY).fit(x)
    assert set(KINDS) == set(LIKELIHOODS)
    assert atlas.likelihood_reason_.startswith("It was asked for by name.")
    drawn, means = atlas.sample(50), atlas.reconstruct(x)
    assert drawn.dtype == x.dtype
    assert drawn.shape == (50, *x.shape[1:])
    assert means.shape == x.shape
    assert np.isfinite(atlas.history_[-1]["train"]["elbo"])
    atlas.record_.units.to_model(drawn)  # a draw is a possible observation
    scores = atlas.score_samples(x, num_samples=10)
    assert scores.shape == (len(x),)
    assert np.all(scores <= 0) or likelihood in DENSITIES
    # a model that has hardly learned scores as each column alone does, in the data's units
    assert abs(scores.mean() - sum(map(ALONE[likelihood], x.T.astype(float)))) < 1.5
    # before it has learned anything from z, the decoder gives the mean of the data
    if likelihood not in ("categorical", "continuous_bernoulli"):
        off = np.abs(means.mean(axis=0) - x.mean(axis=0))
        assert np.all(off <= 0.35 * np.where(x.std(axis=0) > 0, x.std(axis=0), x.std(axis=0).max()))


@pytest.mark.parametrize("shape", [(6,), (5, 4), (4, 4, 3)])
@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_model_is_built_for_items_of_any_shape(likelihood, network, shape):
    settings = {"num_levels": 5, "max_log_rate": 12.0}
    spec = ModelSpec(likelihood, tuple(settings.items()), shape, 2, network, hidden=(4,))
    model = eqx.filter_eval_shape(build_model, jr.key(0), spec)  # nothing is compiled
    x, z = (jax.ShapeDtypeStruct(s, jnp.float32) for s in (shape, (2,)))
    log_prob = eqx.filter_eval_shape(lambda m, z, x: m.likelihood(z).log_prob(x), model, z, x)
    mean = eqx.filter_eval_shape(lambda m, z: m.likelihood(z).mean, model, z)
    q = eqx.filter_eval_shape(lambda m, x: m.posterior(Example(x)).mean, model, x)
    assert (log_prob.shape, q.shape) == ((), (2,))
    assert mean.shape == (shape if likelihood != "categorical" else (*shape, 5))


def test_images_with_channels_keep_their_shape_through_convolutions():
    slopes = RNG.uniform(size=(2, 12, 1, 1, 3))
    x = (40 * (slopes[0] * np.arange(4)[:, None, None] + slopes[1] * np.arange(4)[:, None])).astype(np.uint8)
    options = {"network": "conv", "latent_dim": 2, "hidden": (4,), "epochs": 1}
    atlas = Atlas(random_state=0, **options).fit(x)
    assert atlas.likelihood_ == "discretised_logistic"  # its decoder gives two numbers per entry
    assert atlas.reconstruct(x).shape == x.shape
    assert atlas.sample(2, draw=False).shape == (2, 4, 4, 3)
    np.testing.assert_array_equal(atlas.transform(x.reshape(12, -1)), atlas.transform(x))


def test_images_keep_their_shape_and_another_is_refused_with_both(on_digits):
    x = digits().x[:20]
    assert on_digits.reconstruct(x).shape == x.shape
    assert on_digits.sample(2).shape == (2, 8, 8)
    np.testing.assert_array_equal(on_digits.transform(x.reshape(20, 64)), on_digits.transform(x))
    with pytest.raises(DataError, match=r"shape \(4, 16\).*shape \(8, 8\)"):
        on_digits.transform(x.reshape(20, 4, 16))
    with pytest.raises(DataError, match="63 features"):
        on_digits.transform(x.reshape(20, 64)[:, :63])
    with pytest.raises(DataError, match="3 dimensions, and the model has 8"):
        on_digits.inverse_transform(np.zeros((1, 3)))


# --- scikit-learn's tools


def test_it_works_in_a_pipeline_a_grid_search_and_with_pandas(fitted):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"))
    out = Atlas(**TINY).set_output(transform="pandas").fit_transform(frame)
    assert list(out.columns) == ["atlas0", "atlas1"]
    np.testing.assert_array_equal(out.to_numpy(), fitted.transform(X))
    pipeline = make_pipeline(PCA(5, random_state=0), Atlas(**TINY))
    assert pipeline.fit_transform(X).shape == (60, 2)
    search = GridSearchCV(Atlas(**TINY), {"beta": [1.0, 2.0]}, cv=2).fit(X)
    assert search.best_params_["beta"] in (1.0, 2.0)


def test_a_pickle_is_the_same_atlas_and_holds_no_function(fitted):
    data = pickle.dumps(fitted)
    again = pickle.loads(data)
    np.testing.assert_array_equal(again.score_samples(X), fitted.score_samples(X))
    assert b"jax" not in data
    assert "_model" not in fitted.__getstate__()


def test_the_same_random_state_gives_the_same_bits(fitted):
    again, other = Atlas(**TINY).fit(X), Atlas(**TINY | {"random_state": 1}).fit(X)
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    np.testing.assert_array_equal(again.sample(4), fitted.sample(4))
    assert not np.array_equal(other.transform(X), fitted.transform(X))
    assert not np.array_equal(fitted.sample(4, random_state=1), fitted.sample(4))
    np.testing.assert_array_equal(fitted.sample(3), fitted.sample(4)[:3])


# --- runs


def test_a_saved_atlas_is_loaded_as_it_was(tmp_path, fitted):
    fitted.save(tmp_path / "a")
    again = latlas.load(tmp_path / "a")
    assert again.get_params() == fitted.get_params()
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    np.testing.assert_array_equal(again.score_samples(X), fitted.score_samples(X))
    assert again.history_ == fitted.history_
    assert again.summary() == fitted.summary()
    assert json.loads(json.dumps(again.summary()))["likelihood"] == "gaussian"
    assert RunDirectory.open(tmp_path / "a").verify() == []
    with pytest.raises(RunExistsError):
        fitted.save(tmp_path / "a")


class Stop:
    """Ends the run at its first report, as a signal would: the state is saved."""

    def on_fit_task_end(self, estimator, context, *, metadata):
        return metadata is not None and context.step >= 2


def test_a_run_that_was_stopped_and_resumed_gives_the_same_bits(tmp_path, monkeypatch):
    whole = Atlas(**TINY).fit(X, run=tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "save_model", _interrupted)
        with pytest.raises(InterruptedRunError):
            Atlas(**TINY).fit(X, run=tmp_path / "cut", callbacks=[Stop()])
    with pytest.raises(RequestError, match="no model yet"):
        latlas.load(tmp_path / "cut")
    resumed = Atlas(**TINY).fit(X, run=tmp_path / "cut", resume=True)
    for name, array in whole.record_.arrays.items():
        np.testing.assert_array_equal(resumed.record_.arrays[name], array)
    np.testing.assert_array_equal(latlas.load(tmp_path / "cut").transform(X), whole.transform(X))
    steps = [line["step"] for line in resumed.history_]
    assert steps == [line["step"] for line in whole.history_]


def _interrupted(run, arrays):
    raise InterruptedRunError(2, "SIGTERM")


def test_a_resumed_run_must_ask_for_the_same(tmp_path):
    run = tmp_path / "a"
    Atlas(**TINY).fit(X, run=run)
    finished = Atlas(**TINY).fit(X, run=run, resume=True)
    assert finished.n_iter_ == 3
    with pytest.raises(RequestError, match="begun with latent_dim=2, and now 3"):
        Atlas(**TINY | {"latent_dim": 3}).fit(X, run=run, resume=True)
    with pytest.raises(RequestError, match=r"other data .the same shape .60, 5., but other values"):
        Atlas(**TINY).fit(X + 1, run=run, resume=True)
    with pytest.raises(RequestError, match="another seed"):
        Atlas(**TINY | {"random_state": 3}).fit(X, run=run, resume=True)
    for place in (run, RunDirectory.open(run)):
        with pytest.raises(RunExistsError):
            Atlas(**TINY).fit(X, run=place)
    with pytest.raises(RequestError, match="nothing to resume"):
        Atlas(**TINY).fit(X, resume=True)


def test_a_run_without_a_random_state_resumes_with_its_own_seed(tmp_path):
    options = TINY | {"random_state": None}
    first = Atlas(**options).fit(X, run=RunDirectory.create(tmp_path / "a", {}))
    again = Atlas(**options).fit(X, run=tmp_path / "a", resume=True)
    np.testing.assert_array_equal(first.transform(X), again.transform(X))


def test_a_run_of_another_program_is_not_loaded(tmp_path):
    RunDirectory.create(tmp_path / "a", {"estimator": "Other"})
    with pytest.raises(RequestError, match="not one of an Atlas"):
        latlas.load(tmp_path / "a")


# --- options

WRONG = {
    "likelihood": ("gausian", "did you mean 'gaussian'"),
    "network": ("cnn", "Choose one of mlp, conv"),
    "precision": ("float64", "float32"),
    "activation": ("sin", "choose one of"),
    "latent_dim": (0, "whole number from 1"),
    "batch_size": (2.5, "whole number"),
    "epochs": (0, "None for one that suits the data"),
    "patience": (-1, "None for never"),
    "beta": (-1.0, "number from 0"),
    "warm_up": (10, "share of the run"),
    "learning_rate": (0.0, "above 0"),
    "validation_fraction": (0.95, "share of the data"),
    "hidden": ((0,), "widths from 1"),
}


@pytest.mark.parametrize("option", WRONG)
def test_a_wrong_option_is_refused_with_what_may_be_given(option):
    value, expected = WRONG[option]
    with pytest.raises(RequestError, match=expected):
        Atlas(**{option: value}).fit(X)


@pytest.mark.parametrize(
    ("options", "x", "expected"),
    [
        ({"likelihood": "poisson"}, X, "takes 0 or more"),
        ({"likelihood": "categorical"}, X, "whole numbers of 2 to 1024"),
        ({"likelihood": "discretised_logistic"}, X, "equal steps"),
        ({"network": "conv", "precision": "bfloat16"}, X, "float32 only"),
        ({}, np.insert(X, 2, 0.1, axis=1), r"1 of 6 columns .*\(2, counted from 0\)"),
        ({}, np.tile(X[0], (5, 1)), "Every row of the data is the same"),
        ({}, X[:1], "1 sample"),
        ({}, np.full((5, 2), np.nan), "NaN"),
        ({}, np.array([["a", "b"], ["c", "d"]]), "[Cc]onvert"),
    ],
)
def test_data_that_do_not_fit_the_options_are_refused(options, x, expected):
    with pytest.raises((RequestError, DataError), match=expected):
        Atlas(**TINY | options).fit(x)


def test_a_model_is_built_again_from_its_json():
    spec = ModelSpec("poisson", (("max_log_rate", 12.0),), (3,), 2, hidden=(4,))
    again = ModelSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    shapes = eqx.filter_eval_shape(build_model, jr.key(0), again)
    assert shapes.decoder.output_structure().shape == (3,)


def test_verbose_shows_progress_on_standard_error_and_nothing_on_standard_output(capsys):
    Atlas(**TINY, verbose=True).fit(X)
    captured = capsys.readouterr()
    assert "100%" in captured.err
    assert "elbo" in captured.err
    assert captured.out == ""


# --- real data


def test_digits_are_learned_and_their_scores_are_probabilities(on_digits):
    """900 digits, 50 epochs: far better than independent pixels, and no score above log 1."""
    x = digits().x
    train, test = x[:900], x[900:1100]
    assert on_digits.likelihood_ == "discretised_logistic"
    scores = on_digits.score_samples(test, num_samples=10)
    assert scores.max() < 0
    assert scores.mean() > independent_pixels(train, test) + 5
    found = on_digits.evaluate(test, num_samples=25)
    assert found.elbo.value < found.evidence.value < found.elbo.value + 20
    np.testing.assert_allclose(found.evidence.value, scores.mean(), atol=3)
    assert found.num_examples == 200


def independent_pixels(train, test):
    """Mean log-probability of `test` by the frequencies of each pixel's 17 grey values in `train`."""
    counts = np.stack([(train == k).sum(0) + 0.5 for k in range(17)], axis=-1)
    log_marginals = np.log(counts / counts.sum(-1, keepdims=True))
    return np.take_along_axis(log_marginals[None], test[..., None].astype(int), -1).sum((1, 2, 3)).mean()


@pytest.mark.slow
def test_digits_are_learned_with_the_options_as_they_come():
    """1,500 digits, no option given.

    Measured: an ELBO 13.3 nats (15 standard errors) above independent pixels, 142 epochs of at most 300.
    """
    table = digits()
    train, test = table.x[:1500], table.x[1500:]
    atlas = Atlas(random_state=0).fit(train)
    assert atlas.n_iter_ < 300  # the validation loss rose, and the best model was kept
    kept = atlas.summary()["elbo"]
    assert kept["valid"] == max(
        report["valid"]["elbo"] for report in atlas.history_ if report["valid"]["beta"] == 1
    )
    found = atlas.evaluate(test, num_samples=200)
    assert found.elbo.value > independent_pixels(train, test) + 8
    assert found.elbo.value < found.evidence.value < 0
    assert found.active_units == 8
    neighbours = KNeighborsClassifier(5).fit(atlas.transform(train), table.label[:1500])
    accuracy = neighbours.score(atlas.transform(test), table.label[1500:])
    assert accuracy > 0.85  # measured 0.90
    drawn = atlas.sample(500, random_state=1)
    assert (drawn.min(), drawn.max()) == (0, 16)
    assert abs(drawn.mean() - train.mean()) < 0.5  # grey levels; measured 0.16
