"""Stein variational gradient descent: particles that move towards the posterior and keep apart."""

import time
from typing import ClassVar

import numpy as np
from jaxtyping import Float, PRNGKeyArray

from latlas.bayes.densities._density import Density
from latlas.bayes.engines._engine import AbstractEngine, EngineResult
from latlas.core import WorkError, host_rng
from latlas.distributions.families import AbstractFamily, gaussian_of

_RATE, _DECAY, _EPS = 0.1, 0.9, 1e-6
_ROUND = 50  # steps between two looks at whether they have settled
_HALVINGS = 4  # of the rate, each once the particles have settled


class Svgd(AbstractEngine):
    r"""Particles that follow the direction in which KL(q || p) falls fastest.

    They move by $w_i \leftarrow w_i + \epsilon \phi(w_i)$ with
    $\phi(w) = \frac1m \sum_j k(w_j, w) \nabla \log p(w_j) + \nabla_{w_j} k(w_j, w)$,
    the steepest descent within a kernel's unit ball; the kernel is Gaussian, its bandwidth the median heuristic, the steps
    are scaled by RMSprop. The rate is halved whenever means and sds of the particles have settled, and the fit ends once
    four halvings have moved them by less than half the tolerance each.

    It fails in high dimension: the particles' variances collapse (with m particles in n dimensions, from about n = 10 on),
    since no kernel of fixed shape keeps them apart there. Compare `sd` with another engine's.

    Attributes:
        num_particles: m.
        max_steps: where it gives up.
        max_seconds: after which it stops with what it has, and says so; far more than most fits need, so that a slow machine
            gives the same answer.

    References:
        Liu, Wang 2016, NeurIPS, algorithm 1; Ba et al. 2022, ICLR, on the collapse of variances.
    """

    name: ClassVar[str] = "svgd"
    families: ClassVar[tuple[str, ...]] = ("full-rank",)
    num_particles: int = 256
    max_steps: int = 4000
    max_seconds: float = 600.0

    def __call__(
        self, key: PRNGKeyArray, density: Density, family: AbstractFamily, *, tolerance: float
    ) -> EngineResult:
        """The particles as draws, and the normal with their moments.

        Raises:
            WorkError: if the score is not finite at a particle.
        """
        w = host_rng(key).standard_normal((self.num_particles, density.dim))
        deadline, rate, square = time.monotonic() + self.max_seconds, _RATE, np.zeros_like(w)
        halvings, step, before = 0, 0, _moments(w)
        while halvings < _HALVINGS and step < self.max_steps and time.monotonic() < deadline:
            total = np.zeros_like(before)
            for _ in range(_ROUND):
                step += 1
                direction = _direction(w, _score(density, w))
                square = direction**2 if step == 1 else _DECAY * square + (1 - _DECAY) * direction**2
                w = w + rate * direction / (np.sqrt(square) + _EPS)
                total += _moments(w)
            moved = np.max(np.abs(total / _ROUND - before))
            before = total / _ROUND
            if moved < 0.5 * tolerance:
                halvings, rate = halvings + 1, 0.5 * rate
        converged = halvings == _HALVINGS
        message = f"{self.num_particles} particles {'settled' if converged else 'had not settled'} after {step} steps"
        if not converged and step < self.max_steps:
            message += f", where the time limit of {self.max_seconds:g} s stopped them (see max_seconds)"
        return EngineResult(gaussian_of(w), converged, message, draws=w, details={"num_steps": step})


def _score(density, w):
    value, grad = density.value_and_grad(w)
    bad = ~(np.isfinite(value) & np.isfinite(grad).all(axis=1))
    if bad.any():
        raise WorkError(
            f"The log density or its gradient is not finite at {bad.sum()} of {len(w)} particles of SVGD; they begin as "
            "draws of the standard normal in whitened coordinates, so the posterior's support is smaller than that."
        )
    return grad


def _direction(w: Float[np.ndarray, "m n"], score: Float[np.ndarray, "m n"]) -> Float[np.ndarray, "m n"]:
    norms = np.sum(w**2, axis=1)
    apart = np.maximum(norms[:, None] + norms - 2.0 * w @ w.T, 0.0)
    bandwidth = np.median(apart) / np.log(len(w) + 1.0)
    kernel = np.exp(-apart / bandwidth)
    repulsion = 2.0 / bandwidth * (w * kernel.sum(axis=1)[:, None] - kernel @ w)
    return (kernel @ score + repulsion) / len(w)


def _moments(w):
    return np.concatenate([w.mean(0), np.log(w.std(0))])
