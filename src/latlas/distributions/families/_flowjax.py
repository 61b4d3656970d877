"""FlowJAX's flows: couplings and masked autoregressive layers, affine or of splines."""

import functools
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import lazy_loader
from jaxtyping import Array, Float, PRNGKeyArray, Scalar

from latlas.core import RequestError
from latlas.distributions.families._bijection import AbstractBijection
from latlas.distributions.families._family import AbstractFamily
from latlas.distributions.families._flow import AbstractFlow

bijections = lazy_loader.load("flowjax.bijections", suppress_warning=True)
paramax = lazy_loader.load("paramax")

# where the outermost knots of the splines lie, in posterior standard deviations; beyond them a layer is the identity
_INTERVAL = 5.0
# of the networks' last layers: small, so that a flow begins near the identity, and not zero, so that it can learn
_FIRST_OUTPUT = 0.01


class FlowJaxBijection(AbstractBijection):
    """One of FlowJAX's bijections.

    Attributes:
        wrapped: a `flowjax.bijections.AbstractBijection`, whose parameters may be constrained.
    """

    wrapped: Any

    def __call__(self, w: Float[Array, " n"]) -> Float[Array, " n"]:
        """Its `transform`."""
        return paramax.unwrap(self.wrapped).transform(w)

    def inverse_and_log_det(self, u: Float[Array, " n"]) -> tuple[Float[Array, " n"], Scalar]:
        """Its method of that name."""
        return paramax.unwrap(self.wrapped).inverse_and_log_det(u)

    def log_det(self, w: Float[Array, " n"]) -> Scalar:
        """That of its `transform_and_log_det`."""
        return paramax.unwrap(self.wrapped).transform_and_log_det(w)[1]


class FlowApproximation(AbstractFlow):
    """Standard normal noise through a FlowJAX bijection.

    Attributes:
        layers: a `flowjax.bijections.AbstractBijection` from noise to w.
        num_coordinates: n.
    """

    layers: Any
    num_coordinates: int = eqx.field(static=True)

    @property
    def dim(self) -> int:
        """n."""
        return self.num_coordinates

    @property
    def bijection(self) -> FlowJaxBijection:
        """From noise to w."""
        return FlowJaxBijection(self.layers)


class Flow(AbstractFamily):
    r"""Coupling or masked autoregressive layers, then a triangular affine map: every normal is inside.

    A layer moves coordinates by an affine map or a monotone rational-quadratic spline (Durkan et al. 2019,
    arXiv:1906.04032) whose parameters a network reads off the others. Couplings (Dinh et al. 2017, arXiv:1605.08803)
    move half of them at a time and are cheap both ways; autoregressive layers (Kingma et al. 2016, arXiv:1606.04934)
    move all of them, draw in one pass, and need n passes for a density. Needs FlowJAX: `pip install latlas[bayes]`.

    Attributes:
        num_layers: layers, each followed by a permutation.
        width: of the one hidden layer of each network.
        knots: bins of a spline, such as 8; 0 for affine layers, which compile in a third of the time.
        autoregressive: masked autoregressive layers in place of couplings.
    """

    name: ClassVar[str] = "flow"
    is_axis_aligned: ClassVar[bool] = False
    num_layers: int = eqx.field(static=True, default=4)
    width: int = eqx.field(static=True, default=32)
    knots: int = eqx.field(static=True, default=0)
    autoregressive: bool = eqx.field(static=True, default=False)

    def init(self, key: PRNGKeyArray, dim: int) -> FlowApproximation:
        """Near the standard normal: the same for every key, so that a second fit finds the first one's programs."""
        if min(self.num_layers, self.width, self.knots + 1) < 1:
            raise RequestError(
                f"Got a flow of {self.num_layers} layers, width {self.width} and {self.knots} knots; layers and width "
                "begin at 1, knots at 0."
            )
        if dim < 2:
            raise RequestError("A flow needs two coordinates or more; got one: take the family mixture.")
        try:
            layers = _bijection(self, dim, jnp.result_type(float) == jnp.float64)
        except ModuleNotFoundError as error:
            raise RequestError(
                "The family flow needs FlowJAX, which is not installed: pip install latlas[bayes]"
            ) from error
        return FlowApproximation(layers, dim)


@functools.lru_cache(maxsize=16)
def _bijection(family, dim, in_float64):
    # FlowJAX's layers hold functions of their own, which would make every new flow a new program
    del in_float64
    layers = eqx.filter_vmap(lambda key: _layer(key, family, dim))(
        jax.random.split(jax.random.key(0), family.num_layers)
    )
    affine = bijections.TriangularAffine(jnp.zeros(dim), jnp.eye(dim))
    return bijections.Chain([bijections.Scan(layers), affine])


def _layer(key, family, dim):
    net_key, order_key = jax.random.split(key)
    options = {
        "transformer": _transformer(family.knots),
        "dim": dim,
        "nn_width": family.width,
        "nn_depth": 1,
        "nn_activation": jnp.tanh,
    }
    if family.autoregressive:
        layer = bijections.MaskedAutoregressive(net_key, **options)
        last = layer.masked_autoregressive_mlp.layers[-1]
        layer = eqx.tree_at(lambda a: a.masked_autoregressive_mlp.layers[-1], layer, _small(last))
    else:
        layer = bijections.Coupling(net_key, untransformed_dim=dim // 2, **options)
        layer = eqx.tree_at(lambda a: a.conditioner.layers[-1], layer, _small(layer.conditioner.layers[-1]))
    order = jnp.arange(1, -1, -1) if dim == 2 else jax.random.permutation(order_key, dim)
    return bijections.Chain([layer, bijections.Permute(order)])


def _transformer(knots):
    if knots:
        return bijections.RationalQuadraticSpline(knots=knots, interval=_INTERVAL)
    return bijections.Affine()


def _small(linear):
    return jax.tree.map(lambda a: _FIRST_OUTPUT * a if eqx.is_inexact_array(a) else a, linear)
