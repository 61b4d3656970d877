"""Hamiltonian Monte Carlo on the path from one distribution to another density."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree, Scalar

from latlas.sampling._transition import (
    AbstractTransition,
    ChainState,
    GeometricPath,
    acceptance,
    metropolis,
)


class HMCMemory(NamedTuple):
    """What a chain keeps between steps: both gradients where it stands."""

    initial_gradient: Float[Array, " latent"]
    ratio_gradient: Float[Array, " latent"]


class HMC(AbstractTransition):
    r"""Hamiltonian Monte Carlo with a leapfrog integrator (Duane et al. 1987; Neal 2011, arXiv:1206.1901).

    A step costs exactly `num_leapfrog` gradients: those of log r and of the log ratio where the chain stands
    are kept, and give the gradient at every b.

    After every temperature the step size is multiplied by $e^{\text{rate} \, (a - \text{target})}$, a the
    probability of acceptance of the chains that tune it.

    Attributes:
        num_leapfrog: leapfrog steps per transition.
        step_size: of the first transition, in units of the latent.
        target_acceptance: what the step size moves towards; 0.65 is best for many dimensions (Beskos et al. 2013,
            Bernoulli 19).
        adaptation_rate: how fast; 0 keeps the step.
        jitter: each transition's step is drawn uniformly within this share of the tuned one, so that no
            trajectory is caught in a period of the density.
    """

    num_leapfrog: int = eqx.field(static=True, default=10)
    step_size: float = 0.2
    target_acceptance: float = 0.65
    adaptation_rate: float = 0.05
    jitter: float = 0.2

    def __check_init__(self):
        if self.num_leapfrog < 1:
            raise ValueError(f"num_leapfrog must be at least 1; got {self.num_leapfrog}.")

    @property
    def num_evaluations(self) -> int:
        """One gradient per leapfrog step."""
        return self.num_leapfrog

    def init(self, path: GeometricPath, z: PyTree[Array]) -> ChainState:
        """The state of a chain that starts at z.

        Raises:
            ValueError: if a latent is discrete.
        """
        kinds = {str(leaf.dtype) for leaf in jax.tree.leaves(z) if not eqx.is_inexact_array(leaf)}
        if kinds:
            raise ValueError(
                f"HMC moves latents of floating point along gradients; this model has one of {', '.join(kinds)}. "
                "Use transition=IndependentMetropolis(), which serves discrete latents too."
            )
        return _evaluated(path, *ravel_pytree(z))

    def init_tuning(self) -> Scalar:
        """The logarithm of the first step size."""
        return jnp.log(jnp.asarray(self.step_size, jnp.float32))

    def tune(self, tuning: Scalar, acceptance: float | Scalar) -> Scalar:
        """The logarithm of the step size after proposals that were taken with this probability."""
        return tuning + self.adaptation_rate * (acceptance - self.target_acceptance)

    def __call__(
        self, key: PRNGKeyArray, path: GeometricPath, b: float | Scalar, tuning: Scalar, state: ChainState
    ) -> ChainState:
        """One transition that leaves $f_b$ invariant."""
        momentum_key, accept_key, jitter_key = jr.split(key, 3)
        stretch = jr.uniform(jitter_key, (), jnp.float32, 1.0 - self.jitter, 1.0 + self.jitter)
        momentum = jr.normal(momentum_key, state.memory.ratio_gradient.shape, jnp.float32)
        proposed, end = leapfrog(path, b, jnp.exp(tuning) * stretch, self.num_leapfrog, state, momentum)
        # log f_b - |momentum|^2 / 2, after and before
        log_acceptance = (
            (proposed.log_initial - state.log_initial)
            + b * (proposed.log_ratio - state.log_ratio)
            - 0.5 * (jnp.sum(end**2) - jnp.sum(momentum**2))
        )
        moved = metropolis(accept_key, log_acceptance, proposed, state)
        return eqx.tree_at(lambda s: s.acceptance, moved, acceptance(log_acceptance))


def leapfrog(
    path: GeometricPath,
    b: float | Scalar,
    step_size: Scalar,
    num_steps: int | Int[Array, ""],
    state: ChainState,
    momentum: Float[Array, " latent"],
) -> tuple[ChainState, Float[Array, " latent"]]:
    """The state and the momentum after so many leapfrog steps on log f_b: reversible, and keeps volumes.

    Values are computed at the last point only; on the way there the gradient is all that is needed.
    """
    flat, unravel = ravel_pytree(state.z)

    def gradient(flat):
        def log_density(flat):
            z = unravel(flat)
            return path.log_initial(z) + b * path.log_ratio(z)

        return jax.grad(log_density)(flat)

    def one_step(_, point):
        flat, momentum = point
        flat = flat + step_size * momentum
        return flat, momentum + step_size * gradient(flat)

    at_start = state.memory.initial_gradient + b * state.memory.ratio_gradient
    momentum = momentum + 0.5 * step_size * at_start
    flat, momentum = jax.lax.fori_loop(0, num_steps - 1, one_step, (flat, momentum))
    end = _evaluated(path, flat + step_size * momentum, unravel)
    at_end = end.memory.initial_gradient + b * end.memory.ratio_gradient
    return end, momentum + 0.5 * step_size * at_end


def _evaluated(path, flat, unravel):
    """The state at a point, with both values and both gradients."""
    log_initial, initial_gradient = jax.value_and_grad(lambda flat: path.log_initial(unravel(flat)))(flat)
    log_ratio, ratio_gradient = jax.value_and_grad(lambda flat: path.log_ratio(unravel(flat)))(flat)
    memory = HMCMemory(initial_gradient, ratio_gradient)
    return ChainState(unravel(flat), log_initial, log_ratio, jnp.ones_like(log_ratio), memory)
