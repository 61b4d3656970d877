import numpy as np
import pytest

from latlas.latent import linear_interpolation, spherical_interpolation

PATHS = {"linear": linear_interpolation, "spherical": spherical_interpolation}
RNG = np.random.default_rng(0)
PAIRS = {
    "any": (RNG.normal(size=7), 3 * RNG.normal(size=7)),
    "nearly parallel": (np.ones(4), np.ones(4) * (2 + 1e-9)),
    "equal": (np.ones(3), np.ones(3)),
    "antipodal": (np.array([1.0, -2.0, 2.0]), np.array([-2.0, 4.0, -4.0])),
    "from zero": (np.zeros(3), np.array([1.0, 2.0, 3.0])),
    "both zero": (np.zeros(3), np.zeros(3)),
    "one dimension": (np.array([1.0]), np.array([-2.0])),
    "float32": (RNG.normal(size=5).astype("f"), RNG.normal(size=5).astype("f")),
    "matrix": (RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3))),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_path_is_finite_and_ends_exactly_at_its_ends(path, pair):
    points = path(*pair, 5)
    assert points.shape == (5, *pair[0].shape)
    assert points.dtype == np.result_type(pair[0], np.float32)
    assert np.isfinite(points).all()
    np.testing.assert_array_equal(points[0], pair[0])
    np.testing.assert_array_equal(points[-1], pair[1])


def test_a_linear_path_has_equal_steps():
    steps = np.diff(linear_interpolation(*PAIRS["any"], 6), axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape), rtol=1e-12)


@pytest.mark.parametrize("name", ["any", "antipodal", "nearly parallel"])
def test_a_spherical_path_turns_evenly_and_its_norm_changes_linearly(name):
    a, b = PAIRS[name]
    points = spherical_interpolation(a, b, 6)
    norms = np.linalg.norm(points, axis=1)
    np.testing.assert_allclose(norms, np.linspace(np.linalg.norm(a), np.linalg.norm(b), 6), rtol=1e-9)
    directions = points / norms[:, None]
    cosines = np.clip((directions[:-1] * directions[1:]).sum(1), -1, 1)
    total = np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))
    np.testing.assert_allclose(np.arccos(cosines), total / 5, atol=1e-6)


def test_a_spherical_path_stays_in_the_plane_of_its_ends():
    a, b = PAIRS["any"]
    assert np.linalg.matrix_rank(np.vstack([a, b, spherical_interpolation(a, b, 5)]), tol=1e-9) == 2


def test_the_arrays_of_a_pytree_move_each_for_itself():
    a, b = {"u": np.array([1.0, 0.0]), "v": np.zeros(3)}, {"u": np.array([0.0, 1.0]), "v": np.ones(3)}
    found = spherical_interpolation(a, b, 3)
    np.testing.assert_allclose(found["u"][1], np.sqrt(0.5) * np.ones(2))
    np.testing.assert_allclose(found["v"][1], 0.5)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_wrong_requests_are_refused(path):
    with pytest.raises(ValueError, match="at least 2 points"):
        path(np.zeros(2), np.ones(2), 1)
    with pytest.raises(ValueError, match="one shape"):
        path(np.zeros(2), np.ones(3), 4)
