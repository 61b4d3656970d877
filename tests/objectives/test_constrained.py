"""The Lagrangian's value and gradients, the quantities of constraints, and their standard errors."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.core import Example
from latlas.distributions import Bernoulli, FixedScale, Gaussian, Mixed, diagonal_normal
from latlas.models import VAE, AbstractRecognition, GaussianRecognition, StandardNormal
from latlas.networks import MLP
from latlas.objectives import (
    Constrained,
    Constraint,
    Elbo,
    HeldOutRows,
    MonteCarlo,
    Rate,
    ReconstructionError,
    WithMultipliers,
)
from latlas.objectives._measured import measured

X = np.random.default_rng(0).normal(size=(40, 4)).astype("f")
BATCH, OTHERS = Example(jnp.asarray(X[:20])), Example(jnp.asarray(X[20:]))
KEYS = jr.split(jr.key(0), 3)
MODEL = VAE(
    StandardNormal(2),
    GaussianRecognition(MLP(4, 4, (), key=KEYS[0])),
    MLP(2, 4, (), key=KEYS[1]),
    Gaussian(FixedScale(0.5)),
)
ERROR = ReconstructionError(at_mean=True)


class _Fixed(AbstractRecognition):
    def __call__(self, example):
        return diagonal_normal(jnp.ones(2), jnp.ones(2))


def _decoded(x=X):
    codes = jax.vmap(lambda x: MODEL.posterior(Example(x)).mean)(jnp.asarray(x))
    return np.asarray(jax.vmap(MODEL.decoder)(codes))


def _value(quantity, batch, model=MODEL):
    return float(Constraint(quantity, 1.0).value(KEYS[2], model, batch, {}))


def test_the_reconstruction_error_is_that_of_observed_entries_in_the_unit_asked():
    observed = np.random.default_rng(1).random(X.shape) < 0.7
    holes = Example(jnp.asarray(np.where(observed, X, np.nan)), observed=jnp.asarray(observed))
    model = eqx.tree_at(lambda m: m.recognition, MODEL, _Fixed())
    error = np.asarray(MODEL.decoder(jnp.ones(2)))[None] - X
    expected = np.sqrt(np.mean(error[observed] ** 2))
    assert _value(ERROR, holes, model) == pytest.approx(expected, rel=1e-5)
    assert _value(ReconstructionError(root=False, at_mean=True), holes, model) == pytest.approx(
        expected**2, rel=1e-5
    )
    assert _value(ReconstructionError(unit=0.1, at_mean=True), holes, model) == pytest.approx(
        10 * expected, rel=1e-5
    )
    gradient = eqx.filter_grad(lambda model: Constraint(ERROR, 1.0).value(KEYS[2], model, holes, {}))(model)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_the_reconstruction_error_of_draws_is_larger_by_the_noise_of_the_code():
    # E (W (mean + scale e) + b - x)^2 = (error at the mean)^2 + sum_j W_ij^2 scale_j^2
    x = 0.3 * X
    many, quantity = Example(jnp.tile(jnp.asarray(x), (500, 1))), ReconstructionError(root=False)
    q = jax.vmap(lambda x: MODEL.posterior(Example(x)).variance)(jnp.asarray(x))
    weight = np.asarray(MODEL.decoder.layers[0].weight)
    expected = np.mean((_decoded(x) - x) ** 2) + np.mean(np.asarray(q) @ weight**2)
    one = jax.vmap(lambda key, example: quantity.per_example(key, MODEL, example)[0] / 4)
    values = (
        np.asarray(one(jr.split(KEYS[2], 20_000), many)).reshape(500, 40).mean(1)
    )  # 500 draws of the mean
    assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(500)
    assert _value(quantity, many) == pytest.approx(values.mean(), rel=1e-4)


def test_a_part_of_mixed_data_is_named():
    head = Mixed({"a": Gaussian(FixedScale(1.0)), "b": Bernoulli()})

    def decoder(z):
        return {"a": z, "b": z[:1]}

    model = VAE(StandardNormal(2), _Fixed(), decoder, head)
    batch = Example({"a": jnp.zeros((3, 2)), "b": jnp.ones((3, 1))})
    assert _value(ReconstructionError(part="a", at_mean=True), batch, model) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="part=NAME"):
        _value(ERROR, batch, model)


CONSTRAINTS = (
    Constraint(ERROR, 0.5),
    Constraint("kl", 3.0, at_least=True),
    Constraint("elbo", -1.0, scale=10.0),
)


def _lagrangian(trained, objective, batch=BATCH):
    return objective(KEYS[2], trained, batch, progress=0.5)


def _trained(multipliers=(2.0, 3.0, 0.5)):
    logs = {c.name: jnp.log(jnp.float32(m)) for c, m in zip(CONSTRAINTS, multipliers, strict=True)}
    return WithMultipliers(MODEL, logs)


def test_the_lagrangian_and_its_gradients():
    objective, trained = Constrained(Elbo(), CONSTRAINTS), _trained()
    step = eqx.filter_jit(eqx.filter_value_and_grad(_lagrangian, has_aux=True))
    (loss, terms), gradient = step(trained, objective)

    def by_hand(model):
        loss, terms = Elbo()(jr.split(KEYS[2], 3)[0], model, BATCH, progress=0.5)
        error = CONSTRAINTS[0].value(KEYS[2], model, BATCH, {})
        violations = jnp.stack([error / 0.5 - 1, 1 - terms["kl"] / 3, (terms["elbo"] + 1) / 10])
        return loss + jnp.dot(jnp.array([2.0, 3.0, 0.5]), violations), violations

    (expected, violations), model_gradient = eqx.filter_jit(eqx.filter_value_and_grad(by_hand, has_aux=True))(
        MODEL
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    for a, b in zip(jax.tree.leaves(gradient.model), jax.tree.leaves(model_gradient), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    found = [gradient.log_multipliers[c.name] for c in CONSTRAINTS]
    np.testing.assert_allclose(found, -violations, rtol=1e-4)
    assert float(terms["multiplier_kl"]) == pytest.approx(1.0)  # 3 per violation of 3 nats
    assert float(terms["constraint_kl"]) == float(terms["kl"])
    assert float(terms["objective"]) == pytest.approx(-float(terms["elbo"]), rel=1e-5)


def test_held_out_rows_move_the_multipliers_and_not_the_model():
    trained, step = _trained(), eqx.filter_jit(eqx.filter_grad(_lagrangian, has_aux=True))
    plain, _ = step(trained, Constrained(Elbo(), CONSTRAINTS))
    driven, terms = step(trained, Constrained(Elbo(), CONSTRAINTS, HeldOutRows(OTHERS, 2000)))
    for a, b in zip(jax.tree.leaves(plain.model), jax.tree.leaves(driven.model), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    expected = np.sqrt(np.mean((_decoded(X[20:]) - X[20:]) ** 2))
    assert float(terms["constraint_reconstruction_error"]) == pytest.approx(expected, rel=0.05)


def test_held_out_rows_are_prepared_and_drawn_with_the_key():
    rows = HeldOutRows(OTHERS, 5, lambda key, batch: Example(2 * batch.x))
    batch = rows(jr.key(3))
    assert batch.x.shape == (5, 4)
    assert all((2 * X[20:] == row).all(1).any() for row in np.asarray(batch.x))
    assert not np.array_equal(batch.x, rows(jr.key(4)).x)


def test_standard_errors_are_those_of_repeated_samples():
    objective = Constrained(Elbo(draws=MonteCarlo(2)), (Constraint(ERROR, 1.0), Constraint("kl", 1.0)))
    rng, values, errors = np.random.default_rng(2), [], []
    for number in range(60):
        rows = Example(jnp.asarray(0.3 * rng.normal(size=(400, 4)), jnp.float32))
        found = measured(jr.key(number), MODEL, rows, objective, batch_size=10)
        values.append([found[name].value for name in ("reconstruction_error", "kl")])
        errors.append([found[name].standard_error for name in ("reconstruction_error", "kl")])
    # a standard deviation of 60 values is known to 9 %
    np.testing.assert_allclose(np.mean(errors, 0), np.std(values, 0, ddof=1), rtol=0.3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constraint("kl", 0.0), "give scale="),
        (lambda: Constrained(Rate(), ()), "name of its own"),
        (lambda: Constrained(Rate(), (Constraint("kl", 1.0), Constraint("kl", 2.0))), "name=NAME"),
        (
            lambda: _lagrangian(
                WithMultipliers.start(MODEL, [Constraint("log_likelihood", 1.0)]),
                Constrained(Rate(), (Constraint("log_likelihood", 1.0),)),
            ),
            "has kl",
        ),
    ],
)
def test_wrong_constraints_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
