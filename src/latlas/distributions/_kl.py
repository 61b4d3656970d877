"""KL divergence between distributions over a latent: in closed form, else by Monte Carlo that says so.

A closed form is a rule for a pair of types; rules here add to NumPyro's own. A rule sees its distributions
without their `to_event` and `expand` wrappers: the KL of independent entries is the sum of the entries'.
"""

import itertools
import logging
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpyro.distributions as dist
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float, PRNGKeyArray, Scalar
from numpyro.distributions import kl as numpyro_kl

from latlas.distributions._latent import Distribution, Product, one_level

logger = logging.getLogger(__name__)

_RULES: dict[tuple[type, type], Callable[[Any, Any], Array]] = {}


class NoClosedFormError(ValueError):
    """There is no closed form for the KL divergence of a pair of distributions."""


class KLEstimate(eqx.Module):
    """A KL divergence in nats and how it was found.

    Attributes:
        value: the divergence; a Monte Carlo estimate may fall below zero.
        standard_error: of `value`; zero for a closed form.
        closed_form: whether `value` is exact.
    """

    value: Scalar
    standard_error: Scalar
    closed_form: bool = eqx.field(static=True)


def register_kl(
    type_q: type, type_p: type
) -> Callable[[Callable[[Any, Any], Array]], Callable[[Any, Any], Array]]:
    """Decorator that adds a closed form: `rule(q, p)` for these exact types, giving KL(q || p).

    The rule may give one value per batch entry of `q` and `p`; they are broadcast and summed.
    """

    def add(rule: Callable[[Any, Any], Array]) -> Callable[[Any, Any], Array]:
        _RULES[type_q, type_p] = rule
        return rule

    return add


def kl_divergence(q: Distribution, p: Distribution) -> Scalar:
    r"""KL(q || p) = E_q[log q(z) - log p(z)] in closed form, in nats, shape `()`.

    For KL(p || q) swap the arguments. A `Delta` q has the density of its `log_density`: against a continuous
    p the value is -log p at its point, the KL up to the (infinite, constant) entropy term.

    >>> float(kl_divergence(dist.Normal(1.0, 1.0), dist.Normal(0.0, 1.0)))
    0.5

    Args:
        q: distribution over one latent (empty batch shape).
        p: distribution over the same latent.

    Raises:
        NoClosedFormError: (a ValueError) if no rule is known; `has_closed_form` asks beforehand.
        ValueError: if a NumPyro distribution has a batch shape, or the shapes of q and p differ.
    """
    _check_single("q", q)
    _check_single("p", p)
    if isinstance(q, dist.Delta):
        return jnp.sum(q.log_density) - p.log_prob(q.v)  # pyright: ignore[reportArgumentType]  # to NumPyro a shape too
    base_q, base_p = _unwrapped(q), _unwrapped(p)
    rule = _RULES.get((type(base_q), type(base_p))) or _numpyro_rule(base_q, base_p)
    if rule is None:
        raise NoClosedFormError(
            f"There is no closed form for KL({_name(q)} || {_name(p)}). "
            "Use `kl_estimate`, which falls back on Monte Carlo, or add one with `register_kl`."
        )
    shape = _independent_shape(q, p, base_q, base_p)
    return jnp.sum(jnp.broadcast_to(rule(base_q, base_p), shape))


def has_closed_form(q: Distribution, p: Distribution) -> bool:
    """Whether `kl_divergence(q, p)` knows a rule; a Python bool by types only, also inside `jit`."""
    try:
        jax.eval_shape(lambda: kl_divergence(q, p))
    except NoClosedFormError:
        return False
    return True


def kl_estimate(
    key: PRNGKeyArray, q: Distribution, p: Distribution, *, num_samples: int = 1000
) -> KLEstimate:
    """KL(q || p) in closed form where there is one, else the mean of log q(z) - log p(z) over draws from q.

    The fallback is logged at INFO, once per trace inside `jit`.

    Args:
        key: draws the samples; unused with a closed form.
        q: distribution over one latent, with `sample(key)` and `log_prob(z)`.
        p: distribution over the same latent, with `log_prob(z)`.
        num_samples: draws of the fallback, at least 2; the error falls with its square root.

    Raises:
        ValueError: if `num_samples < 2`.
    """
    if num_samples < 2:
        raise ValueError(
            f"kl_estimate got num_samples = {num_samples}; it needs at least 2 to know its error."
        )
    if has_closed_form(q, p):
        value = kl_divergence(q, p)
        return KLEstimate(value, jnp.zeros_like(value), closed_form=True)
    logger.info(
        "no closed form for KL(%s || %s), Monte Carlo with %d samples", _name(q), _name(p), num_samples
    )

    def log_ratio(key: PRNGKeyArray) -> Scalar:
        z = q.sample(key)
        return q.log_prob(z) - p.log_prob(z)

    ratios = jax.vmap(log_ratio)(jr.split(key, num_samples))
    return KLEstimate(jnp.mean(ratios), jnp.std(ratios, ddof=1) / jnp.sqrt(num_samples), closed_form=False)


def _unwrapped(d: Any) -> Any:
    """A distribution without `to_event` and `expand`."""
    while isinstance(d, dist.Independent | dist.ExpandedDistribution):
        d = d.base_dist
    return d


def _independent_shape(q: Any, p: Any, base_q: Any, base_p: Any) -> tuple[int, ...]:
    """The axes of the latent over which both are independent, and their KL is a sum."""
    if not (isinstance(q, dist.Distribution) and isinstance(p, dist.Distribution)):
        return ()
    if q.event_shape != p.event_shape:
        raise ValueError(
            f"q is over a latent of shape {q.event_shape}, p of shape {p.event_shape}; "
            "a KL needs the same latent."
        )
    return q.event_shape[: q.event_dim - max(base_q.event_dim, base_p.event_dim)]


def _numpyro_rule(q: Any, p: Any) -> Callable[[Any, Any], Array] | None:
    """NumPyro's own closed form; its wrappers' rules lead nowhere for what is unwrapped already."""
    wrappers = (dist.MaskedDistribution, dist.Delta)
    if isinstance(q, wrappers) or isinstance(p, wrappers):
        return None
    return numpyro_kl.kl_divergence.dispatch(type(q), type(p))


def _name(d: Any) -> str:
    return type(_unwrapped(d)).__name__


def _check_single(name: str, d: Any) -> None:
    if isinstance(d, dist.Distribution) and d.batch_shape:
        raise ValueError(
            f"{name} is a {type(d).__name__} with batch shape {d.batch_shape}; "
            "a distribution over one latent has none. "
            "Make its axes part of the event with `.to_event()`, and `vmap` over examples."
        )


@register_kl(dist.Laplace, dist.Laplace)
def _laplace(q: Any, p: Any) -> Array:
    distance = jnp.abs(q.loc - p.loc)
    return jnp.log(p.scale / q.scale) + (distance + q.scale * jnp.exp(-distance / q.scale)) / p.scale - 1.0


@register_kl(dist.MultivariateNormal, dist.Normal)
def _(q: dist.MultivariateNormal, p: dist.Normal) -> Array:
    def one(
        loc: Float[Array, " d"],
        scale_tril: Float[Array, "d d"],
        p_loc: Float[Array, " d"],
        p_scale: Float[Array, " d"],
    ) -> Scalar:
        variance = jnp.sum(scale_tril**2, axis=-1)
        square = (variance + (loc - p_loc) ** 2) / p_scale**2
        return jnp.sum(0.5 * (square - 1.0) + jnp.log(p_scale) - jnp.log(jnp.diagonal(scale_tril)))

    return jnp.vectorize(one, signature="(d),(d,d),(d),(d)->()")(
        q.loc, q.scale_tril, *_entries(p, q.event_shape)
    )


@register_kl(dist.Normal, dist.MultivariateNormal)
def _(q: dist.Normal, p: dist.MultivariateNormal) -> Array:
    def one(
        loc: Float[Array, " d"],
        scale: Float[Array, " d"],
        p_loc: Float[Array, " d"],
        p_tril: Float[Array, "d d"],
    ) -> Scalar:
        # L^-1 [diag(scale), loc - p_loc]: the trace term and the squared distance in one solve
        columns = jnp.concatenate([jnp.diag(scale), (loc - p_loc)[:, None]], axis=1)
        whitened = solve_triangular(p_tril, columns, lower=True)
        log_scales = jnp.log(jnp.diagonal(p_tril)) - jnp.log(scale)
        return 0.5 * (jnp.sum(whitened**2) - loc.size) + jnp.sum(log_scales)

    return jnp.vectorize(one, signature="(d),(d),(d),(d,d)->()")(
        *_entries(q, p.event_shape), p.loc, p.scale_tril
    )


def _entries(normal: Any, event_shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Location and scale of a normal with at least the axes of `event_shape`."""
    shape = jnp.broadcast_shapes(normal.batch_shape, event_shape)
    return jnp.broadcast_to(normal.loc, shape), jnp.broadcast_to(normal.scale, shape)


def _categorical(q: Any, p: Any) -> Array:
    log_q, log_p = jax.nn.log_softmax(q.logits), jax.nn.log_softmax(p.logits)
    probability = jnp.exp(log_q)
    # 0 log 0 = 0, in the gradient too
    possible = probability > 0
    difference = jnp.where(possible, log_q, 0.0) - jnp.where(possible, log_p, 0.0)
    return jnp.sum(probability * difference, axis=-1)


def _bernoulli(q: Any, p: Any) -> Array:
    probability = jax.nn.sigmoid(q.logits)
    on = jax.nn.log_sigmoid(q.logits) - jax.nn.log_sigmoid(p.logits)
    off = jax.nn.log_sigmoid(-q.logits) - jax.nn.log_sigmoid(-p.logits)
    return probability * on + (1.0 - probability) * off


for _types in itertools.product((dist.CategoricalLogits, dist.CategoricalProbs), repeat=2):
    register_kl(*_types)(_categorical)

for _types in itertools.product((dist.BernoulliLogits, dist.BernoulliProbs), repeat=2):
    register_kl(*_types)(_bernoulli)


@register_kl(Product, Product)
def _(q: Product, p: Product) -> Scalar:
    factors, structure = one_level(q.factors)
    return jnp.sum(
        jnp.stack(
            [kl_divergence(a, b) for a, b in zip(factors, structure.flatten_up_to(p.factors), strict=True)]
        )
    )
