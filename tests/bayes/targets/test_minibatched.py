"""Minibatches of plain functions: unbiased, and read from file row by row."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.distributions import constraints

from latlas.bayes import minibatched
from latlas.bayes.targets import FixedBatches
from latlas.core import DataError, RequestError


def log_prior(params):
    return -0.5 * jnp.sum(params["w"] ** 2) - params["s"]


def log_likelihood(params, rows):
    return -0.5 * (rows["y"] - rows["x"] @ params["w"]) ** 2 / params["s"] - 0.5 * jnp.log(params["s"])


def rows(n, dtype=np.float64):
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(n, 2)).astype(dtype), "y": rng.normal(size=n).astype(dtype)}


INIT = {"w": jnp.zeros(2), "s": 0.0}


def target_of(data, batch_size, **options):
    return minibatched(
        log_prior,
        log_likelihood,
        INIT,
        data,
        batch_size=batch_size,
        bijections={"s": constraints.positive},
        **options,
    )


def jitted(target, u):
    return jax.jit(lambda target, u: target.log_density(u))(target, u)


def test_the_average_over_all_batches_is_the_whole():
    data = rows(6)
    target = target_of(data, 2)
    u = np.array([0.3, 0.5, -0.2])  # log s, w
    chosen = np.array(list(itertools.combinations(range(6), 2)))
    batches = jax.tree.map(lambda a: a[chosen], data)
    with jax.enable_x64(True):
        every = jax.jit(jax.vmap(jax.value_and_grad(lambda u, b: target.log_density_on(u, b)), (None, 0)))(
            jnp.asarray(u), batches
        )
        exact = jax.jit(jax.value_and_grad(lambda u: target.log_density(u)))(jnp.asarray(u))
    s, w = np.exp(u[0]), u[1:]
    by_hand = (
        -0.5 * np.sum(w**2) - s + u[0] - 3 * np.log(s) - 0.5 * np.sum((data["y"] - data["x"] @ w) ** 2) / s
    )
    assert float(exact[0]) == pytest.approx(by_hand, rel=1e-12)
    np.testing.assert_allclose(np.asarray(every[0]).mean(), np.asarray(exact[0]), rtol=1e-12)
    np.testing.assert_allclose(np.asarray(every[1]).mean(axis=0), np.asarray(exact[1]), rtol=1e-12)


def test_every_row_is_drawn_equally_often_and_none_twice():
    target = target_of({"x": np.zeros((5, 2)), "y": np.arange(5.0)}, 2)
    rng = np.random.default_rng(0)
    drawn = np.array([target.draw_batch(rng)["y"] for _ in range(2000)])
    assert np.all(drawn[:, 0] != drawn[:, 1])
    share = np.bincount(drawn.astype(int).ravel(), minlength=5) / 2000
    assert np.all(np.abs(share - 0.4) < 4 * np.sqrt(0.4 * 0.6 / 2000))


def test_chunks_of_an_exact_evaluation_add_up(monkeypatch):
    data = rows(11)
    u = jnp.array([0.3, 0.5, -0.2])
    with jax.enable_x64(True):
        at_once = float(jitted(target_of(data, 2), u))
        monkeypatch.setattr("latlas.bayes.targets._minibatched.CHUNK", 4)
        assert float(jitted(target_of(data, 2), u)) == pytest.approx(at_once, rel=1e-12)


@pytest.mark.parametrize("small", [0, 1 << 20])
def test_memory_maps_stay_on_file(tmp_path, monkeypatch, small):
    monkeypatch.setattr("latlas.data._rows.SMALL_BYTES", small)
    monkeypatch.setattr("latlas.data._rows.ROWS_AT_ONCE", 4)
    data = rows(100, np.float32)
    for name, array in data.items():
        np.save(tmp_path / f"{name}.npy", array)
    maps = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in data}
    target = target_of(maps, 10)
    assert target.resident is None
    batch = target.draw_batch(np.random.default_rng(0))
    same = target_of(data, 10).draw_batch(np.random.default_rng(0))
    assert not any(isinstance(a, np.memmap) for a in batch.values())
    jax.tree.map(np.testing.assert_array_equal, batch, same)
    pieces = [rows for rows, _ in target.sweep()]
    jax.tree.map(lambda a, *parts: np.testing.assert_array_equal(a, np.concatenate(parts)), data, *pieces)
    with jax.enable_x64(True):
        estimate = target.log_density_on(jnp.zeros(3), batch)
        assert estimate.dtype == jnp.float64
        with pytest.raises(RequestError, match="too large for an exact log density"):
            target.log_density(jnp.zeros(3))


def test_what_was_written_to_a_private_map_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("latlas.data._rows.SMALL_BYTES", 0)
    np.save(tmp_path / "y.npy", np.zeros(5))
    private = np.load(tmp_path / "y.npy", mmap_mode="c", allow_pickle=False)
    private[:] = 1.0
    target = minibatched(lambda p: -(p**2), lambda p, y: p * y, 0.0, private, batch_size=2)
    assert [target.draw_batch(np.random.default_rng(i)).tolist() for i in range(2)] == [
        [1.0, 1.0],
        [1.0, 1.0],
    ]
    assert private.tolist() == [1.0] * 5


def test_other_data_of_the_same_shapes_do_not_compile_again():
    traces = []

    def counted(params, y):
        traces.append(1)
        return -0.5 * (y - params) ** 2

    def flat(params):
        return 0.0 * params

    with jax.enable_x64(True):
        run = jax.jit(lambda target, u, batch: target.log_density_on(u, batch))
        first, second = (minibatched(flat, counted, 0.0, y, batch_size=2) for y in (np.zeros(9), np.ones(9)))
        assert float(run(first, jnp.zeros(1), first.draw_batch(np.random.default_rng(0)))) == 0.0
        traces.clear()
        assert float(run(second, jnp.zeros(1), second.draw_batch(np.random.default_rng(0)))) == pytest.approx(
            -4.5
        )
    assert traces == []


def test_fixed_batches_average_their_estimates():
    target = target_of(rows(20), 4)
    few = FixedBatches.drawn(target, np.random.default_rng(3), 5)
    rng = np.random.default_rng(3)
    with jax.enable_x64(True):
        u = jnp.array([0.3, 0.5, -0.2])
        expected = np.mean([float(target.log_density_on(u, target.draw_batch(rng))) for _ in range(5)])
        assert float(few.log_density(u)) == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(few.constrain(u)["s"], np.exp(0.3))
    assert few.dim == 3


@pytest.mark.parametrize(
    ("data", "batch_size", "error", "message"),
    [
        (None, 2, DataError, "no data to take batches of"),
        (
            {"x": np.zeros((3, 2)), "y": np.zeros(4)},
            2,
            DataError,
            r"shapes \(3, 2\), \(4,\); all need the same number",
        ),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0)}, 2, DataError, "all need the same number of rows"),
        ({"x": 1.0}, 2, DataError, "all need the same number of rows"),
        ({"x": ["a", "b"]}, 2, DataError, "give arrays of numbers"),
        ({"x": np.array(["a", "b"])}, 2, DataError, "give arrays of numbers"),
        (rows(4), 5, RequestError, "batch_size is 5; give an integer from 1 to the 4 rows"),
        (rows(4), 2.0, RequestError, "batch_size is 2.0; give an integer"),
        ({"x": np.zeros((3, 2))}, 2, RequestError, "log_likelihood raised KeyError on the first 2 rows"),
    ],
)
def test_data_that_give_no_batches(data, batch_size, error, message):
    with pytest.raises(error, match=message):
        target_of(data, batch_size)


def test_a_likelihood_that_is_summed_is_refused():
    with pytest.raises(
        RequestError, match=r"returns shape \(\) for 2 rows; it must return one number for each row"
    ):
        minibatched(lambda p: -(p**2), lambda p, y: jnp.sum(y * p), 0.0, np.ones(4), batch_size=2)


def test_rows_that_index_beyond_the_parameters_are_refused():
    rows = {"group": np.array([0, 1, 2, 3])}
    with pytest.raises(DataError, match=r"data\['group'\] has the value 3 as an index into 3 entries"):
        minibatched(
            lambda p: -jnp.sum(p**2), lambda p, rows: p[rows["group"]], jnp.zeros(3), rows, batch_size=2
        )


def test_masked_rows_are_refused():
    hidden = np.ma.array(np.ones(4), mask=[0, 1, 0, 0])
    with pytest.raises(DataError, match="The data mask 1 entries"):
        minibatched(lambda p: -(p**2), lambda p, rows: -((rows - p) ** 2), 0.0, hidden, batch_size=2)
