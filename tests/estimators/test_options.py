"""Options and arguments of an Atlas that make no sense, and what is said of them."""

import jax
import jax.random as jr
import numpy as np
import pytest

import latlas
from latlas import Atlas
from latlas.core import RequestError, WorkError
from latlas.estimators import BetaPath
from latlas.training import Trainer

TINY = {"latent_dim": 2, "hidden": (8,), "epochs": 1, "random_state": 0}
X = np.random.default_rng(0).normal(size=(60, 4))


@pytest.fixture(scope="module")
def fitted():
    return Atlas(**TINY).fit(X)


@pytest.mark.parametrize(
    ("state", "got"),
    [
        ("a", "'a'"),
        (1.5, "1.5"),
        (-1, "-1"),
        (2**40, "1099511627776"),
        ([1, 2], "a list"),
        (True, "True"),
        (np.bool_(False), "a bool"),
        (np.random.default_rng(0), "a Generator"),
        (jr.key(0), "a \\w+"),
    ],
)
def test_a_random_state_that_is_none_is_refused(fitted, state, got):
    said = f"random_state takes a whole number from 0 to 4,294,967,295, .*; got {got}\\."
    for verb in (
        lambda: Atlas(**TINY | {"random_state": state}).fit(X),
        lambda: fitted.sample(2, random_state=state),
        lambda: fitted.evaluate(X, random_state=state),
    ):
        with pytest.raises(RequestError, match=said):
            verb()


@pytest.mark.parametrize("state", [None, 3, np.int64(3), 2**32 - 1, np.random.RandomState(0)])
def test_a_random_state_of_scikit_learn_is_taken(fitted, state):
    assert fitted.sample(2, random_state=state).shape == (2, 4)


@pytest.mark.parametrize(
    "hidden",
    [True, (16, True), {16: 1}, {16}, b"ab", iter([8]), np.ones((1, 2), int), np.array(5), 0, (8.0,)],
)
def test_widths_that_are_none_are_refused(hidden):
    with pytest.raises(RequestError, match="The option hidden takes widths from 1"):
        Atlas(**TINY | {"hidden": hidden}).fit(X)


@pytest.mark.parametrize("hidden", [5, np.int64(5), [5], np.array([5]), range(5, 6)])
def test_widths_are_a_number_or_a_sequence_of_them(hidden):
    assert Atlas(**TINY | {"hidden": hidden}).fit(X).record_.spec.hidden == (5,)


def test_a_path_that_is_none_is_refused(fitted):
    for verb in (
        lambda: Atlas(**TINY).fit(X, run=3),
        lambda: Atlas(**TINY).fit(X, run=3, resume=True),
        lambda: fitted.save(3),
        lambda: latlas.load(3),
        lambda: BetaPath(Atlas(**TINY), betas=(1, 2)).fit(X, run=3),
    ):
        with pytest.raises(RequestError, match="Got a int where a path was expected: give text"):
            verb()


@pytest.mark.parametrize("callbacks", [None, object(), "tensorboard"])
def test_callbacks_that_are_no_list_are_refused(callbacks):
    for fit in (Atlas(**TINY).fit, Atlas(**TINY, cure="auto").fit, BetaPath(Atlas(**TINY), betas=(1, 2)).fit):
        with pytest.raises(RequestError, match=r"callbacks takes a list of callbacks; got .*`\[callback\]`"):
            fit(X, callbacks=callbacks)


@pytest.mark.parametrize(("callback", "got"), [(print, "a builtin_function_or_method"), (Trainer, "a \\w+")])
def test_a_callback_that_is_never_called_is_refused(callback, got):
    with pytest.raises(
        RequestError, match=f"on_fit_task_begin, on_fit_task_end, teardown; got {got}, of which none"
    ):
        Atlas(**TINY).fit(X, callbacks=[callback])


def test_a_model_too_large_for_memory_is_said_to_be(monkeypatch):
    # 4 x 10**14 weights into the layer, as many out of it with two latents, and the rest
    with pytest.raises(
        WorkError, match=r"hidden=\(100000000000000,\).* makes 1,\d{3},\d{3},\d{3},\d{3},\d{3} weights"
    ):
        Atlas(**TINY | {"hidden": 10**14}).fit(X)

    def other(*args, **options):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")

    monkeypatch.setattr(Trainer, "fit", other)
    with pytest.raises(jax.errors.JaxRuntimeError, match="something else"):
        Atlas(**TINY).fit(X)
