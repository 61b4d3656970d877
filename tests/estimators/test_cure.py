"""Atlas(cure="auto"): treatments that keep the model's form, kept with the run; a healthy fit untouched."""

import json
import signal

import numpy as np
import pytest

import latlas
from latlas import Atlas
from latlas.core import InterruptedRunError, RequestError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 2)) @ RNG.normal(size=(2, 6)) + 0.3 * RNG.normal(size=(300, 6))
OPTIONS = {
    "latent_dim": 2,
    "hidden": (8,),
    "epochs": 40,
    "learning_rate": 1e-2,
    "batch_size": 50,
    "random_state": 0,
}


class Signal:
    """Raises a signal once, in the second run."""

    runs = -1

    def setup(self, estimator, context):
        self.runs += 1

    def on_fit_task_end(self, estimator, context, *, metadata=None):
        if self.runs == 1 and context.step >= 60:
            self.runs += 1
            signal.raise_signal(signal.SIGTERM)


def same(one, other):
    return all(
        np.array_equal(array, other.record_.arrays[name]) for name, array in one.record_.arrays.items()
    )


@pytest.fixture(scope="module")
def cured():
    return Atlas(**OPTIONS, beta=50.0, cure="auto").fit(X)


@pytest.mark.slow
def test_a_healthy_fit_is_the_same_bits(tmp_path):
    alone, watched = Atlas(**OPTIONS).fit(X), Atlas(**OPTIONS, cure="auto").fit(X, run=tmp_path / "run")
    assert watched.treatments_ == []
    assert same(alone, watched)
    assert alone.treatments_ == []
    assert "treatments" not in alone.summary()
    assert watched.summary()["treatments"] == []


@pytest.mark.slow
def test_a_sick_fit_says_what_was_done(cured):
    first = cured.treatments_[0]
    assert (first["finding"], first["remedy"], first["attempt"]) == ("posterior_collapse", "unit_beta", 1)
    assert first["outcome"].startswith("Kept")
    assert cured.summary()["treatments"] == cured.treatments_
    assert json.loads(json.dumps(cured.summary(), allow_nan=False)) == cured.summary()
    assert cured.transform(X).std(axis=0).min() > 0.3


def test_a_cured_fit_is_interrupted_resumed_loaded_and_saved(cured, tmp_path):
    sick = Atlas(**OPTIONS, beta=50.0, cure="auto")
    with pytest.raises(InterruptedRunError):
        sick.fit(X, run=tmp_path / "run", callbacks=[Signal()])
    resumed = sick.fit(X, run=tmp_path / "run", resume=True)
    assert same(resumed, cured)
    assert resumed.treatments_ == cured.treatments_
    loaded = latlas.load(tmp_path / "run")
    assert loaded.treatments_ == cured.treatments_
    assert loaded.cure == "auto"
    assert [line["step"] for line in loaded.history_] == [line["step"] for line in cured.history_]
    cured.save(tmp_path / "copy")
    copy = latlas.load(tmp_path / "copy")
    assert copy.treatments_ == cured.treatments_
    assert len(copy.history_) == len(cured.history_)


def test_an_unknown_cure_is_refused():
    with pytest.raises(RequestError, match="auto"):
        Atlas(**OPTIONS, cure="homeopathy").fit(X)
