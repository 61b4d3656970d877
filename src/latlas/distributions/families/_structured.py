"""Conditionals: each coordinate normal given its parents, mean and log scale linear in them, so that funnels are inside."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.core import Estimate, RequestError
from latlas.distributions.families._family import AbstractFamily, AbstractTransport
from latlas.distributions.families._pushforward import LOG_2PI

# (children, parents), in coordinates: given all their parents, the children are independent of one another
Dependence = tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]


class ConditionalGaussian(AbstractTransport):
    r"""Normal conditionals along a directed acyclic graph.

    $w_i \mid w_{pa(i)} \sim N(loc_i + \sum_p A_{ip} w_p, \exp(2 (c_i + \sum_p D_{ip} w_p)))$

    Attributes:
        loc: intercepts of the means, `(n,)`.
        log_scale: intercepts of the log scales, c, `(n,)`.
        weights: A, one number per edge.
        log_scale_weights: D, one number per edge.
        edges: (child, parent) of each edge.
        depth: levels of the graph: 1 without an edge.
    """

    loc: Float[Array, " n"]
    log_scale: Float[Array, " n"]
    weights: Float[Array, " edges"]
    log_scale_weights: Float[Array, " edges"]
    edges: tuple[tuple[int, int], ...] = eqx.field(static=True)
    depth: int = eqx.field(static=True)

    @property
    def dim(self) -> int:
        """n."""
        return self.loc.shape[0]

    @property
    def mean(self) -> Float[Array | np.ndarray, " n"]:
        """Exact: the noise's mean is zero whatever its scale, so means follow the linear part alone."""
        return self._down(lambda w: self._given(w)[0])

    def transport(self, noise: Float[Array, " n"]) -> Float[Array, " n"]:
        """Parents first, each child from its parents and its own noise."""

        def one_level(w):
            loc, log_scale = self._given(w)
            return loc + jnp.exp(log_scale) * noise

        return self._down(one_level)

    def sample(self, key: PRNGKeyArray, num_draws: int) -> Float[Array, "draws n"]:
        """Independent draws."""
        return jax.vmap(self.transport)(jax.random.normal(key, (num_draws, self.dim)))

    def log_prob(self, w: Float[Array, " n"]) -> Scalar:
        """Log density in nats; nothing is inverted."""
        loc, log_scale = self._given(w)
        z = (w - loc) * jnp.exp(-log_scale)
        return -0.5 * jnp.sum(z**2) - jnp.sum(log_scale) - 0.5 * self.dim * LOG_2PI

    def entropy(self, key: PRNGKeyArray) -> Estimate:
        """Exact: the log scales at the mean, being linear, + n/2 (1 + log 2 pi)."""
        _, log_scale = self._given(self.mean)
        return Estimate(float(jnp.sum(log_scale) + 0.5 * self.dim * (1.0 + LOG_2PI)), 0.0)

    def _given(self, w):
        """Means and log scales of all coordinates, each given the others' values in w."""
        child, parent = np.array(self.edges, int).reshape(-1, 2).T
        loc = self.loc.at[child].add(self.weights * w[parent])
        return loc, self.log_scale.at[child].add(self.log_scale_weights * w[parent])

    def _down(self, one_level):
        # after k turns the first k levels are right, whatever stood there before
        return jax.lax.fori_loop(0, self.depth, lambda _, w: one_level(w), jnp.zeros_like(self.loc))


class Structured(AbstractFamily):
    """Each coordinate given its parents; what is not mentioned is independent.

    The order of the graph is the user's: a funnel needs its scale as the parent. `dependence_of_model` reads one off a
    NumPyro model.

    Attributes:
        dependence: (children, parents) pairs of coordinates without a cycle, such as `(((1, 2, 3), (0,)),)`.
    """

    name: ClassVar[str] = "structured"
    is_axis_aligned: ClassVar[bool] = True
    dependence: Dependence = eqx.field(static=True, default=())

    def init(self, key: PRNGKeyArray, dim: int) -> ConditionalGaussian:
        """The standard normal: no edge has a weight."""
        if not self.dependence:
            raise RequestError(
                "A structured family needs to know what depends on what, which only a NumPyro model says by itself; give "
                "Structured(((children, parents), ...))."
            )
        edges = tuple(
            dict.fromkeys((c, p) for children, parents in self.dependence for c in children for p in parents)
        )
        mentioned = {i for children, parents in self.dependence for i in (*children, *parents)}
        if not mentioned <= set(range(dim)):
            raise RequestError(
                f"The dependence names coordinate {max(mentioned, key=abs)}, and there are {dim}; name 0 to {dim - 1}."
            )
        zeros = jnp.zeros(len(edges))
        return ConditionalGaussian(jnp.zeros(dim), jnp.zeros(dim), zeros, zeros, edges, _depth(edges))


def _depth(edges):
    if not edges:
        return 1
    level = dict.fromkeys((i for edge in edges for i in edge), 1)
    for _ in range(len(level)):
        deeper = {
            i: max([level[p] + 1 for c, p in parents_of_i], default=1)
            for i, parents_of_i in _by_child(edges, level).items()
        }
        if deeper == level:
            return max(level.values(), default=1)
        level = deeper
    raise RequestError(
        "The dependence runs in a circle; no coordinate may be its own ancestor: leave out an edge."
    )


def _by_child(edges, nodes):
    grouped = {i: [] for i in nodes}
    for edge in edges:
        grouped[edge[0]].append(edge)
    return grouped
