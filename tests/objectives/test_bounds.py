"""Values of the objectives: against closed forms, each other, and on every kind of model."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.core import Constant, Example, LinearWarmUp
from latlas.distributions import Bernoulli, Chain, FixedScale, Gaussian, LearnedScale, diagonal_normal
from latlas.models import (
    PPCA,
    VAE,
    AbstractPrior,
    AbstractRecognition,
    Autoencoder,
    ConditionalGaussian,
    GaussianRecognition,
    StandardNormal,
    WithRecognition,
    gaussian,
)
from latlas.networks import MLP, Of
from latlas.objectives import (
    DoublyReparameterised,
    Elbo,
    ImportanceWeighted,
    MonteCarlo,
    ReconstructionLoss,
    Reparameterised,
    StickingTheLanding,
    Total,
    log_weights,
)

X = np.random.default_rng(0).normal(size=(6, 4)).astype("f")
BATCH = Example(jnp.asarray(X))
KEYS = jr.split(jr.key(0), 8)


class _TopDown(AbstractPrior):
    link: ConditionalGaussian

    def __call__(self, condition=None):
        return Chain(("z2", "z1"), diagonal_normal(jnp.zeros(2), jnp.ones(2)), (self.link,))


class _BottomUp(AbstractRecognition):
    first: MLP
    link: ConditionalGaussian

    def __call__(self, example):
        return Chain(("z1", "z2"), gaussian(self.first(example.x)), (self.link,))


def _recognition():
    return GaussianRecognition(MLP(4, 4, (3,), key=KEYS[0]))


def _link(key):
    return ConditionalGaussian(MLP(2, 4, (), key=key))


PPCA_FIT = PPCA.maximum_likelihood(X, 2)
MODELS = {
    "ppca": PPCA_FIT,
    "vae": VAE(StandardNormal(2), _recognition(), MLP(2, 4, (3,), key=KEYS[1]), Gaussian(LearnedScale())),
    "two layers": VAE(
        _TopDown(_link(KEYS[2])),
        _BottomUp(MLP(4, 4, (), key=KEYS[3]), _link(KEYS[4])),
        Of("z1", MLP(2, 4, (), key=KEYS[5])),
        Bernoulli(),
    ),
}
OBJECTIVES = {
    "elbo": Elbo(LinearWarmUp(0.5), MonteCarlo(2)),
    "elbo, path gradients": Elbo(gradient=StickingTheLanding()),
    "iwae": ImportanceWeighted(MonteCarlo(3)),
    "total": Total((ImportanceWeighted(MonteCarlo(2), Reparameterised()), ReconstructionLoss()), (1.0, 0.1)),
}


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_every_objective_trains_every_model(model, objective):
    batch = BATCH if not isinstance(model, VAE) else Example((BATCH.x > 0).astype(jnp.float32))

    @eqx.filter_jit
    @eqx.filter_value_and_grad(has_aux=True)
    def step(model):
        return objective(jr.key(0), model, batch, progress=0.25)

    (loss, terms), gradients = step(model)
    assert np.isfinite(loss)
    assert all(np.isfinite(term) for term in terms.values())
    leaves = jax.tree.leaves(gradients)
    assert len(leaves) == len(jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)))
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert any(np.abs(leaf).max() > 0 for leaf in leaves)


MODEL = WithRecognition(PPCA_FIT, _recognition())


def _loss(objective, key=KEYS[6], model=MODEL, **options):
    return eqx.filter_jit(objective)(key, model, BATCH, **options)


def test_the_elbo_of_the_exact_posterior_is_the_evidence_at_every_draw():
    # log p(x, z) - log q(z) does not depend on z
    loss, terms = _loss(Elbo(gradient=Reparameterised(closed_form_kl=False)), model=PPCA_FIT)
    exact = eqx.filter_jit(eqx.filter_vmap(PPCA_FIT.log_evidence))(BATCH).mean()
    np.testing.assert_allclose(terms["elbo"], exact, atol=1e-5)
    np.testing.assert_allclose(loss, -exact, atol=1e-5)
    loss, terms = _loss(ImportanceWeighted(MonteCarlo(4)), model=PPCA_FIT)
    np.testing.assert_allclose(terms["iwae_bound"], exact, atol=1e-5)


def test_closed_form_and_monte_carlo_kl_agree():
    keys = jr.split(jr.key(1), 200)
    found = {}
    for closed in (True, False):
        objective = Elbo(draws=MonteCarlo(20), gradient=Reparameterised(closed_form_kl=closed))
        found[closed] = eqx.filter_jit(jax.vmap(lambda key: objective(key, MODEL, BATCH)[1]["kl"]))(keys)  # noqa: B023
    assert np.std(found[True]) < 1e-5
    error = np.std(found[False]) / np.sqrt(len(keys))
    assert abs(np.mean(found[False]) - found[True][0]) < 4 * error


def test_the_iwae_bound_of_one_sample_is_the_elbo():
    _, one = _loss(ImportanceWeighted(MonteCarlo(1)))
    _, elbo = _loss(Elbo(gradient=Reparameterised(closed_form_kl=False)))
    np.testing.assert_allclose(one["iwae_bound"], elbo["elbo"], rtol=1e-6)


def test_the_elbo_of_several_draws_is_the_mean_log_weight_and_below_their_iwae_bound():
    gradient = Reparameterised(closed_form_kl=False)
    _, elbo = _loss(Elbo(draws=MonteCarlo(7), gradient=gradient))
    _, bound = _loss(ImportanceWeighted(MonteCarlo(7)))

    def of_example(key, example):
        q = MODEL.posterior(example)
        z, log_mass = MonteCarlo(7)(key, q)
        return log_weights(MODEL, example, z, q), log_mass

    weights, log_masses = jax.jit(jax.vmap(of_example))(jr.split(KEYS[6], 6), BATCH)
    np.testing.assert_allclose(log_masses, -np.log(7), rtol=1e-6)
    np.testing.assert_allclose(elbo["elbo"], np.mean(weights), rtol=1e-5)
    np.testing.assert_allclose(bound["iwae_bound"], np.log(np.exp(weights).mean(1)).mean(), rtol=1e-5)
    assert elbo["elbo"] < bound["iwae_bound"]


@pytest.mark.parametrize(
    ("beta", "progress", "expected"),
    [
        pytest.param(Constant(4.0), 0.3, 4.0, id="constant"),
        pytest.param(LinearWarmUp(0.5), 0.0, 0.0, id="warm-up, start"),
        pytest.param(LinearWarmUp(0.5), 0.25, 0.5, id="warm-up, half of it"),
        pytest.param(LinearWarmUp(0.5, end=2.0), 0.9, 2.0, id="warm-up, over"),
    ],
)
def test_beta_prices_the_kl_and_leaves_the_elbo_alone(beta, progress, expected):
    loss, terms = _loss(Elbo(beta), progress=progress)
    _, plain = _loss(Elbo())
    assert terms["beta"] == pytest.approx(expected)
    np.testing.assert_allclose(loss, expected * terms["kl"] - terms["log_likelihood"], rtol=1e-5)
    np.testing.assert_allclose(terms["elbo"], plain["elbo"], rtol=1e-6)


def test_a_total_is_the_weighted_sum_of_its_parts():
    parts = (Elbo(), ReconstructionLoss())
    loss, terms = _loss(Total(parts, (1.0, 0.5)))
    losses = [_loss(part, key)[0] for part, key in zip(parts, jr.split(KEYS[6], 2), strict=True)]
    np.testing.assert_allclose(loss, losses[0] + 0.5 * losses[1], rtol=1e-6)
    assert set(terms) == {"elbo", "kl", "log_likelihood", "beta"}
    np.testing.assert_allclose(
        terms["log_likelihood"], _loss(parts[0], jr.split(KEYS[6], 2)[0])[1]["log_likelihood"]
    )


def test_the_reconstruction_loss_is_the_squared_error():
    model = Autoencoder(MLP(4, 2, (), key=KEYS[0]), MLP(2, 4, (), key=KEYS[1]), Gaussian(FixedScale(0.5)))
    loss, terms = _loss(ReconstructionLoss(), model=model)
    decoded = np.asarray(jax.jit(jax.vmap(lambda x: model.decoder(model.encoder(x))))(BATCH.x))
    error = np.sum((decoded - X) ** 2, axis=1).mean()
    np.testing.assert_allclose(loss, 2 * error + 4 * np.log(0.5 * np.sqrt(2 * np.pi)), rtol=1e-5)
    assert loss == -terms["log_likelihood"]


def test_wrong_requests_are_refused():
    with pytest.raises(ValueError, match="got num_samples=0"):
        MonteCarlo(0)
    with pytest.raises(ValueError, match="got 2 parts and 1 weights"):
        Total((Elbo(), Elbo()), (1.0,))
    assert isinstance(ImportanceWeighted().gradient, DoublyReparameterised)
