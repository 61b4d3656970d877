"""The path from one distribution to another density, and steps that leave a density on it invariant."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, PRNGKeyArray, PyTree, Scalar


class GeometricPath(eqx.Module):
    r"""Unnormalised densities from r(z) to p(z): $\log f_b = \log r(z) + b \, (\log p(z) - \log r(z))$.

    At b = 0 it is r, normalised; at b = 1 it is p, whose integral annealing estimates.

    Attributes:
        initial: r, a distribution over one latent: `sample(key)` and `log_prob(z)`.
        log_ratio: log p(z) - log r(z) in nats, a function of one latent.
    """

    initial: Any
    log_ratio: Callable[[PyTree[Array]], Scalar]

    def log_initial(self, z: PyTree[Array]) -> Scalar:
        """Log r(z), in nats."""
        return self.initial.log_prob(z)


class ChainState(eqx.Module):
    """Where one Markov chain stands.

    Attributes:
        z: the latent.
        log_initial: log r(z).
        log_ratio: log p(z) - log r(z).
        acceptance: probability with which the last proposal was taken, mean over a step's proposals.
        memory: what a transition keeps from one step to the next.
    """

    z: PyTree[Array]
    log_initial: Scalar
    log_ratio: Scalar
    acceptance: Scalar
    memory: PyTree[Array] = None


class AbstractTransition(eqx.Module):
    """A Markov step of one chain that leaves a density on the path invariant.

    What it tunes, such as a step size, is apart from the chain: a chain's step may not depend on where that
    chain is or was. So others tune it (see `Annealing`).
    """

    @property
    @abc.abstractmethod
    def num_evaluations(self) -> int:
        """How often a step evaluates the density or its gradient."""

    @abc.abstractmethod
    def init(self, path: GeometricPath, z: PyTree[Array]) -> ChainState:
        """The state of a chain that starts at z."""

    @abc.abstractmethod
    def init_tuning(self) -> PyTree[Array]:
        """What is tuned, before anything was seen."""

    @abc.abstractmethod
    def tune(self, tuning: PyTree[Array], acceptance: float | Scalar) -> PyTree[Array]:
        """What is tuned, after proposals that were taken with this probability."""

    @abc.abstractmethod
    def __call__(
        self,
        key: PRNGKeyArray,
        path: GeometricPath,
        b: float | Scalar,
        tuning: PyTree[Array],
        state: ChainState,
    ) -> ChainState:
        """One step that leaves $f_b$ invariant."""


class IndependentMetropolis(AbstractTransition):
    r"""Proposals from the initial distribution, whatever the chain's place (Hastings 1970, Biometrika 57).

    A draw z' of r is taken with probability $\min(1, e^{b (R(z') - R(z))})$, R the log ratio. It needs no
    gradient and so serves discrete latents too; it moves only where r is not far from the posterior, in few
    dimensions. Nothing is tuned.

    Attributes:
        num_proposals: proposals per step.
    """

    num_proposals: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        if self.num_proposals < 1:
            raise ValueError(f"num_proposals must be at least 1; got {self.num_proposals}.")

    @property
    def num_evaluations(self) -> int:
        """One per proposal."""
        return self.num_proposals

    def init(self, path: GeometricPath, z: PyTree[Array]) -> ChainState:
        """The state of a chain that starts at z."""
        ratio = path.log_ratio(z)
        return ChainState(z, path.log_initial(z), ratio, jnp.ones_like(ratio))

    def init_tuning(self) -> None:
        """Nothing."""

    def tune(self, tuning: None, acceptance: float | Scalar) -> None:
        """Nothing."""

    def __call__(
        self, key: PRNGKeyArray, path: GeometricPath, b: float | Scalar, tuning: None, state: ChainState
    ) -> ChainState:
        """One step that leaves $f_b$ invariant."""

        def propose(state: ChainState, key: PRNGKeyArray) -> tuple[ChainState, Scalar]:
            draw_key, accept_key = jr.split(key)
            proposed = self.init(path, path.initial.sample(draw_key))
            log_acceptance = b * (proposed.log_ratio - state.log_ratio)
            return metropolis(accept_key, log_acceptance, proposed, state), acceptance(log_acceptance)

        state, probability = jax.lax.scan(propose, state, jr.split(key, self.num_proposals))
        return eqx.tree_at(lambda s: s.acceptance, state, jnp.mean(probability))


def acceptance(log_acceptance: float | Scalar) -> Scalar:
    """Probability of taking a proposal; zero where it is not a number, as for a density that is infinite."""
    return jnp.where(jnp.isnan(log_acceptance), 0.0, jnp.exp(jnp.minimum(log_acceptance, 0.0)))


def metropolis(key: PRNGKeyArray, log_acceptance: Scalar, proposed: PyTree, current: PyTree) -> PyTree:
    """The proposal with the probability of its acceptance, else the current state."""
    taken = jr.uniform(key, (), jnp.float32) < acceptance(log_acceptance)
    return jax.tree.map(lambda new, old: jnp.where(taken, new, old), proposed, current)
