"""What each remedy changes, and that it leaves alone what needs no change."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import optax
import pytest

from latlas.core import Constant, Cyclical, Example, LinearWarmUp, named_arrays
from latlas.distributions import FixedScale, Gaussian, LearnedScale, Mixed
from latlas.evaluation import Finding
from latlas.evaluation.cure import (
    REMEDIES,
    AddFreeBits,
    AnnealCapacity,
    ConstrainRate,
    Course,
    CyclicalWarmUp,
    DemandRate,
    LearnLikelihoodScale,
    LowerLearningRate,
    MoreEncoderSteps,
    MoreEpochs,
    SmallDecoderInit,
    SoftenPrior,
    UnitBeta,
    WarmUp,
    WidenPosterior,
)
from latlas.models import (
    VAE,
    AbstractPrior,
    AbstractRecognition,
    GaussianRecognition,
    StandardNormal,
    WithRecognition,
)
from latlas.networks import MLP, small_output_init
from latlas.objectives import Elbo, ImportanceWeighted, Total
from latlas.training import Adam, Interleaved, Optax, Partitioned, Schedule, Trainer

X = 3.0 * jr.normal(jr.key(9), (53, 4))


class Point(AbstractPrior):
    """All mass at one half."""

    def __call__(self, condition=None):
        return dist.Delta(jnp.full(2, 0.5), event_dim=1)


class AtMean(AbstractRecognition):
    """A point for a posterior."""

    encoder: MLP

    def __call__(self, example):
        return dist.Delta(self.encoder(example.x), event_dim=1)


def vae(scale=None, prior=None):
    encoder, decoder = MLP(4, 4, (8,), key=jr.key(1)), MLP(2, 4, (8,), key=jr.key(2))
    head = Gaussian(FixedScale(0.1) if scale is None else scale)
    return VAE(prior or StandardNormal(2), GaussianRecognition(encoder), decoder, head)


def course(model=None, objective=None, optimizer=None, **length):
    length = length or {"num_epochs": 10}
    trainer = Trainer(objective or Elbo(), optimizer or Adam(1e-2), batch_size=10, **length)
    return Course(jr.key(0), vae() if model is None else model, trainer, Example(X))


def beta_at(treated, progress):
    return float(treated.trainer.objective.beta(progress))


def test_a_run_knows_its_steps():
    assert course().num_steps == 50  # 53 rows are five batches of ten
    assert course(num_steps=7).num_steps == 7


@pytest.mark.parametrize(
    "beta", [Constant(20.0), Constant(0.0), LinearWarmUp(1.0), LinearWarmUp(0.1, end=0.1)]
)
def test_a_price_other_than_one_or_too_late_becomes_one(beta):
    treated = UnitBeta().apply(course(objective=Elbo(beta)))
    assert beta_at(treated, 0.0) == 0.0
    assert beta_at(treated, 0.1) == beta_at(treated, 1.0) == 1.0


@pytest.mark.parametrize("beta", [Constant(1.0), LinearWarmUp(0.5), Cyclical(2)])
def test_a_price_of_one_is_left(beta):
    assert UnitBeta().apply(course(objective=Elbo(beta))) is None


def test_a_price_is_found_within_a_sum_and_nowhere_else():
    within = Total((Elbo(Constant(20.0)),), (1.0,))
    assert UnitBeta().apply(course(objective=within)).trainer.objective.parts[0].beta(1.0) == 1.0
    assert UnitBeta().apply(course(objective=ImportanceWeighted())) is None


def test_a_warm_up_keeps_the_price_that_was_asked_for():
    treated = WarmUp(0.4).apply(course(objective=Elbo(Constant(2.0))))
    assert [beta_at(treated, p) for p in (0.0, 0.2, 0.4, 1.0)] == pytest.approx([0.0, 1.0, 2.0, 2.0])
    assert WarmUp(0.4).apply(treated) is None
    assert WarmUp(0.4).apply(course(objective=Elbo(LinearWarmUp(0.1)))) is not None
    assert WarmUp(0.4).apply(course(objective=Elbo(LinearWarmUp(0.9)))) is None


def test_a_cyclical_warm_up_is_made_once():
    treated = CyclicalWarmUp().apply(course(objective=Elbo(Constant(2.0))))
    assert beta_at(treated, 0.25) == 0.0
    assert beta_at(treated, 1.0) == 2.0
    assert CyclicalWarmUp().apply(treated) is None


@pytest.mark.parametrize("remedy", [AddFreeBits(), DemandRate(), AnnealCapacity()], ids=lambda r: r.name)
def test_a_penalty_is_added_once_and_can_be_trained_with(remedy):
    treated = remedy.apply(course())
    assert remedy.apply(treated) is None
    loss, terms = treated.trainer.objective(jr.key(0), vae(), Example(X[:5]), progress=1.0)
    assert np.isfinite(loss)
    assert "elbo" in terms
    assert len(terms) > 4


def test_free_bits_are_for_posteriors_whose_rate_is_a_sum():
    class Full(AbstractRecognition):
        def __call__(self, example):
            return dist.MultivariateNormal(jnp.zeros(2), jnp.eye(2))

    assert AddFreeBits().apply(course(WithRecognition(vae(), Full()))) is None


def test_a_capacity_needs_a_price_to_replace():
    treated = AnnealCapacity().apply(course())
    assert treated.trainer.objective.parts[0].beta(1.0) == 0.0
    assert AnnealCapacity().apply(course(objective=ImportanceWeighted())) is None


def test_a_rate_is_held_by_a_multiplier_and_the_fit_gives_the_model_itself():
    sick = course(vae(LearnedScale(init=30.0)), Elbo(Constant(20.0)), num_steps=400)
    treated = ConstrainRate(1.5).apply(sick)
    assert ConstrainRate().apply(treated) is None
    result = treated.fit(None)
    assert named_arrays(result.model).keys() == named_arrays(sick.model).keys()
    rate = result.history[-1]["train"]["kl"]
    assert rate > 0.5
    assert sick.fit(None).history[-1]["train"]["kl"] < 0.1


def test_scales_are_learned_wherever_they_stand():
    spread = float(jnp.sqrt(jnp.mean(jnp.var(X, axis=0))))
    treated = LearnLikelihoodScale().apply(course())
    assert float(treated.model.head.scale.value) == pytest.approx(spread, rel=1e-3)
    assert LearnLikelihoodScale().apply(treated) is None
    mixed = replace(vae(), head=Mixed({"a": Gaussian(FixedScale(1.0)), "b": Gaussian()}))
    heads = LearnLikelihoodScale().apply(course(mixed)).model.head.heads
    assert all(isinstance(head.scale, LearnedScale) for head in heads.values())
    wrapped = WithRecognition(vae(), vae().recognition)
    assert isinstance(LearnLikelihoodScale().apply(course(wrapped)).model.model.head.scale, LearnedScale)


def test_a_spread_is_that_of_rows_as_the_model_sees_them():
    halved = course()
    halved = replace(halved, trainer=replace(halved.trainer, prepare=lambda key, batch: Example(batch.x / 2)))
    whole, half = (LearnLikelihoodScale().apply(c).model.head.scale.value for c in (course(), halved))
    assert float(half) == pytest.approx(float(whole) / 2, rel=1e-3)


def test_only_a_point_prior_is_softened():
    treated = SoftenPrior(0.3).apply(course(vae(prior=Point())))
    prior = treated.model.prior()
    assert np.allclose(prior.mean, 0.5)
    assert np.allclose(prior.variance, 0.09)
    assert SoftenPrior().apply(course()) is None
    assert SoftenPrior().apply(treated) is None


def test_a_point_posterior_is_given_a_width_that_is_learned():
    model = vae()
    model = replace(model, recognition=AtMean(MLP(4, 2, (8,), key=jr.key(3))))
    treated = WidenPosterior(width=0.2).apply(course(model))
    q = treated.model.posterior(Example(X[0]))
    assert np.allclose(q.mean, model.posterior(Example(X[0])).v)
    assert np.allclose(np.sqrt(q.variance), 0.2, rtol=0.1)
    assert WidenPosterior().apply(treated) is None

    def width(network):
        recognition = eqx.tree_at(lambda r: r.network, treated.model.recognition, network)
        return jnp.sum(recognition(Example(X[0])).variance)

    gradient = jax.grad(width)(treated.model.recognition.network)
    assert np.all(gradient.layers[-1].bias != 0)


def test_the_decoder_and_not_the_encoder_starts_small():
    treated = SmallDecoderInit(0.01).apply(course())
    before, after = vae().decoder.layers[-1], treated.model.decoder.layers[-1]
    assert np.allclose(after.weight, 0.01 * before.weight)
    encoders = treated.model.recognition, vae().recognition
    assert all(np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, encoders), strict=True))
    assert SmallDecoderInit().apply(treated) is None
    small = replace(vae(), decoder=small_output_init(vae().decoder))
    assert SmallDecoderInit().apply(course(small)) is None


def test_the_encoder_is_given_more_steps():
    treated = MoreEncoderSteps(every=4, fraction=0.5).apply(course())
    optimizer = treated.trainer.optimizer
    assert isinstance(optimizer, Partitioned)
    assert optimizer.rest == Interleaved(Adam(1e-2), 4, until=25)
    assert MoreEncoderSteps().apply(treated) is None
    short = replace(treated, trainer=replace(treated.trainer, num_epochs=None, num_steps=3))
    found, start = short.fit(None).state.model, vae()
    assert np.array_equal(found.decoder.layers[0].weight, start.decoder.layers[0].weight)
    weights = [m.recognition.encoder.layers[0].weight for m in (found, start)]
    assert not np.array_equal(*weights)


def test_a_learning_rate_is_lowered_in_whatever_form_it_stands():
    rate = LowerLearningRate(0.5).apply(course()).trainer.optimizer.learning_rate
    assert rate == pytest.approx(5e-3)
    schedule = Schedule("cosine_decay_schedule", init_value=0.1, decay_steps=40)
    lowered = LowerLearningRate(0.5).apply(course(optimizer=Adam(schedule))).trainer.optimizer.learning_rate
    assert [float(lowered(i) / schedule(i)) for i in (0, 20)] == pytest.approx([0.5, 0.5])
    within = MoreEncoderSteps().apply(course())
    assert LowerLearningRate(0.5).apply(
        within
    ).trainer.optimizer.rest.optimizer.learning_rate == pytest.approx(5e-3)
    assert LowerLearningRate().apply(course(optimizer=Optax(optax.adam(0.1)))) is None


def test_a_longer_run_stretches_its_schedules():
    schedule = Schedule("cosine_decay_schedule", init_value=0.1, decay_steps=50)
    longer = MoreEpochs(3).apply(course(optimizer=Adam(schedule)))
    assert longer.num_steps == 150
    stretched = longer.trainer.optimizer.learning_rate
    assert [float(stretched(3 * i)) for i in (0, 25, 50)] == pytest.approx(
        [float(schedule(i)) for i in (0, 25, 50)]
    )
    assert MoreEpochs().apply(course(num_steps=7)).num_steps == 14


def test_remedies_that_keep_the_structure_keep_the_arrays_names_and_shapes():
    start = named_arrays(vae(LearnedScale()))
    for remedy in REMEDIES:
        treated = remedy.apply(course(vae(LearnedScale()), Elbo(Constant(20.0))))
        if treated is not None and remedy.keeps_structure:
            assert {n: a.shape for n, a in named_arrays(treated.model).items()} == {
                n: a.shape for n, a in start.items()
            }


def test_a_remedy_is_for_its_findings():
    finding = Finding("support_mismatch", "serious", 1.0, 0.0, "It is.", "Do.")
    assert [remedy.name for remedy in REMEDIES if remedy.applies(finding)] == ["softened_prior"]
