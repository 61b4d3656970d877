import numpy as np
import pytest
from scipy.linalg import subspace_angles

from latlas.stats import principal_angles

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("first", "second"), [(3, 3), (2, 4), (4, 1)])
def test_angles_are_those_of_scipy(first, second):
    a, b = RNG.normal(size=(8, first)), RNG.normal(size=(8, second))
    np.testing.assert_allclose(principal_angles(a, b), np.degrees(subspace_angles(a, b)), rtol=1e-9)


def test_a_known_small_angle_keeps_its_digits():
    angle = 1e-7
    a = np.eye(4)[:, :2]
    b = a.copy()
    b[:, 1] = np.cos(angle) * a[:, 1] + np.sin(angle) * np.eye(4)[:, 3]
    found = principal_angles(a, b)
    np.testing.assert_allclose(found, [np.degrees(angle), 0], rtol=1e-8, atol=1e-12)


def test_angles_do_not_depend_on_the_basis():
    a = RNG.normal(size=(6, 3))
    np.testing.assert_allclose(principal_angles(a, a @ RNG.normal(size=(3, 3))), 0, atol=1e-10)


@pytest.mark.parametrize("bad", [np.ones((4, 2)), np.ones((2, 3)), np.ones(3), np.zeros((4, 1))])
def test_a_matrix_that_is_no_basis_is_refused(bad):
    with pytest.raises(ValueError, match="must be"):
        principal_angles(bad, np.eye(4)[:, :1])


def test_different_spaces_are_refused():
    with pytest.raises(ValueError, match="4 and 5 rows"):
        principal_angles(np.eye(4)[:, :1], np.eye(5)[:, :1])
