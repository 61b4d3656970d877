"""Paths between two points of the map: a straight line, or an arc on the shell of the prior's mass."""

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

Point = PyTree[Float[Array | np.ndarray, "..."]]
Path = PyTree[Float[np.ndarray, "points ..."]]


def linear_interpolation(z0: Point, z1: Point, num: int) -> Path:
    """`num` points on the straight line from z0 to z1, both ends included exactly.

    >>> linear_interpolation(np.zeros(2), np.array([2.0, 4.0]), 3).tolist()
    [[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]]

    Args:
        z0: the first point: an array, or a pytree of arrays.
        z1: the last point, of the same structure and shapes.
        num: number of points, at least 2.

    Raises:
        ValueError: if `num` is below 2, or the shapes differ.
    """
    return _path(_linear, z0, z1, num)


def spherical_interpolation(z0: Point, z1: Point, num: int) -> Path:
    r"""`num` points on the arc from z0 to z1, both ends included exactly.

    The direction turns at constant speed along the great circle, and the norm changes linearly. In high
    dimensions a standard normal lives on a shell of radius $\sqrt d$, which a straight line leaves (White
    2016, arXiv:1609.04468). Where the directions are opposite, every great circle is as short, and a fixed
    one is taken; from or to zero, and in one dimension, the path is the straight line. The arrays of a pytree
    turn each for itself.

    >>> path = spherical_interpolation(np.array([1.0, 0.0]), np.array([0.0, 3.0]), 3)
    >>> path[1].round(4).tolist()  # 2 (1, 1) / sqrt 2
    [1.4142, 1.4142]

    Args:
        z0: the first point: an array, or a pytree of arrays.
        z1: the last point, of the same structure and shapes.
        num: number of points, at least 2.

    Raises:
        ValueError: if `num` is below 2, or the shapes differ.
    """
    return _path(_spherical, z0, z1, num)


def _path(curve, z0: Point, z1: Point, num: int) -> Path:
    if num < 2:
        raise ValueError(f"A path has at least 2 points, its ends; got {num}.")

    def of_leaf(a, b):
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape:
            raise ValueError(
                f"The ends of a path must have one shape; got {a.shape} and {b.shape}. "
                "Interpolate between two single points."
            )
        dtype = np.result_type(a, b, np.float32)
        points = curve(a.ravel().astype(np.float64), b.ravel().astype(np.float64), num)
        points[0], points[-1] = a.ravel(), b.ravel()
        return points.reshape(num, *a.shape).astype(dtype)

    return jax.tree.map(of_leaf, z0, z1)


def _linear(a: np.ndarray, b: np.ndarray, num: int) -> np.ndarray:
    t = np.linspace(0.0, 1.0, num)[:, None]
    return (1 - t) * a + t * b


def _spherical(a: np.ndarray, b: np.ndarray, num: int) -> np.ndarray:
    norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
    if norm_a == 0 or norm_b == 0 or a.size == 1:
        return _linear(a, b, num)
    a, b = a / norm_a, b / norm_b
    t = np.linspace(0.0, 1.0, num)[:, None]
    # accurate near 0 and near pi, where the arc cosine is not (Kahan)
    angle = 2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))
    direction = np.cos(t * angle) * a + np.sin(t * angle) * _towards(a, b)
    return ((1 - t) * norm_a + t * norm_b) * direction


def _towards(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The unit vector at right angles to a in the plane of a and b; a fixed one if they lie on one line."""
    across = b - (a @ b) * a
    if np.linalg.norm(across) < 1e-7:
        axis = np.zeros_like(a)
        axis[np.argmin(np.abs(a))] = 1.0
        across = axis - (a @ axis) * a
    return across / np.linalg.norm(across)
