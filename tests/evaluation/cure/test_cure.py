"""A fit with its cure: a healthy run untouched, a sick one treated, an interrupted one resumed to the same bits."""

import logging
import math
import signal
from dataclasses import replace
from typing import ClassVar

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import pytest

from latlas.core import (
    Constant,
    Example,
    InterruptedRunError,
    NonFiniteError,
    RequestError,
    RunDirectory,
    named_arrays,
)
from latlas.distributions import FixedScale, Gaussian, LearnedScale
from latlas.evaluation import fit_with_cure
from latlas.evaluation.cure import (
    REMEDIES,
    AbstractRemedy,
    LearnLikelihoodScale,
    SoftenPrior,
    UnitBeta,
    WarmUp,
    kept_run,
)
from latlas.evaluation.diagnosis import check_support
from latlas.models import VAE, AbstractPrior, GaussianRecognition, StandardNormal
from latlas.networks import MLP
from latlas.objectives import Elbo
from latlas.training import Adam, Schedule, Trainer

KEY = jr.key(3)
FEATURES, LATENT = 8, 2
ONLY = (UnitBeta(),)


class Dirac(AbstractPrior):
    """All mass at zero."""

    def __call__(self, condition=None):
        return dist.Delta(jnp.zeros(LATENT), event_dim=1)


class Useless(AbstractRemedy):
    """Changes the key, and with it nothing for the better or worse but by chance."""

    name: ClassVar[str] = "useless"
    sentence: ClassVar[str] = "Nothing is done."
    findings: ClassVar[tuple[str, ...]] = ("posterior_collapse",)
    keeps_structure: ClassVar[bool] = True

    def apply(self, course):
        return replace(course, trainer=replace(course.trainer, optimizer=Adam(1e-9)))


class Signal:
    """Raises a signal once, in the run-th run at a step."""

    def __init__(self, run, step):
        self.run, self.step, self.runs = run, step, -1

    def setup(self, estimator, context):
        self.runs += 1

    def on_fit_task_end(self, estimator, context, *, metadata=None):
        if self.runs == self.run and context.step >= self.step:
            self.run = None
            signal.raise_signal(signal.SIGTERM)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    z, noise = rng.normal(size=(500, LATENT)), rng.normal(size=(500, FEATURES))
    x = np.float32(z @ rng.normal(size=(LATENT, FEATURES)) + 0.5 * noise)
    return Example(jnp.asarray(x[:400])), Example(jnp.asarray(x[400:]))


def vae(scale=None, prior=None):
    networks = MLP(FEATURES, 2 * LATENT, (16,), key=jr.key(1)), MLP(LATENT, FEATURES, (16,), key=jr.key(2))
    head = Gaussian(LearnedScale() if scale is None else scale)
    return VAE(prior or StandardNormal(LATENT), GaussianRecognition(networks[0]), networks[1], head)


STEPS = 600


def trainer(beta=1.0):
    # long enough, and with a rate that falls: a run that ends before its plateau is not healthy
    rate = Schedule("cosine_decay_schedule", init_value=1e-2, decay_steps=STEPS)
    bound = Elbo(Constant(jnp.float32(beta)))
    return Trainer(bound, Adam(rate), num_steps=STEPS, batch_size=100, report_every=20)


def same(one, other):
    one, other = named_arrays(one), named_arrays(other)
    return one.keys() == other.keys() and all(one[n].tobytes() == other[n].tobytes() for n in one)


def without_seconds(history):
    return [{name: value for name, value in line.items() if name != "seconds"} for line in history]


@pytest.fixture(scope="module")
def collapsed(rows):
    """A fit whose beta is twenty, cured."""
    return fit_with_cure(KEY, trainer(20.0), vae(), rows[0], valid=rows[1], remedies=ONLY)


@pytest.mark.slow
def test_a_healthy_run_is_left_as_it_is_bit_for_bit(rows):
    alone = trainer().fit(KEY, vae(), rows[0], valid=rows[1])
    cured = fit_with_cure(KEY, trainer(), vae(), rows[0], valid=rows[1])
    assert cured.treatments == ()
    assert cured.attempt == 0
    assert cured.diagnosis.healthy
    assert cured.first_diagnosis == cured.diagnosis
    assert same(cured.result.state, alone.state)
    assert same(cured.result.model, alone.model)
    assert without_seconds(cured.result.history) == without_seconds(alone.history)
    assert cured.result.reason == alone.reason


def test_a_beta_that_collapses_the_posterior_is_found_named_and_treated(collapsed):
    (treatment,) = collapsed.treatments
    assert (treatment.finding, treatment.remedy, treatment.attempt) == ("posterior_collapse", "unit_beta", 1)
    assert 0 < treatment.step < STEPS  # it was stopped before its end
    assert treatment.outcome.startswith("Kept: the validation ELBO is ")
    assert "objective is changed" in treatment.why
    assert collapsed.attempt == 1
    assert collapsed.diagnosis.healthy
    assert collapsed.first_diagnosis.findings[0].name == "posterior_collapse"
    assert collapsed.course.trainer.objective.beta(1.0) == 1.0


def test_the_cured_fit_is_what_the_treated_set_up_gives_alone(collapsed, rows):
    course = collapsed.course
    alone = course.trainer.fit(course.key, course.model, course.data, valid=rows[1])
    assert same(alone.state, collapsed.result.state)


def test_what_was_done_is_logged(rows, caplog):
    with caplog.at_level(logging.WARNING, "latlas"):
        fit_with_cure(KEY, trainer(20.0), vae(), rows[0], valid=rows[1])
    said = [record.getMessage() for record in caplog.records]
    assert said[0].startswith("posterior_collapse: applying the remedy unit_beta. ")
    assert said[1].startswith("The remedy unit_beta: Kept: the validation ELBO is ")


def test_a_remedy_that_does_not_raise_the_elbo_is_undone(rows):
    alone = trainer(20.0).fit(KEY, vae(), rows[0], valid=rows[1])
    cured = fit_with_cure(KEY, trainer(20.0), vae(), rows[0], valid=rows[1], remedies=(Useless(),))
    (treatment,) = cured.treatments
    assert treatment.outcome.startswith("Not kept: ")
    assert cured.attempt == 0
    assert not cured.diagnosis.healthy
    # the first run was stopped and nothing better was found, so it was run to its end: the very fit that was asked for
    assert same(cured.result.state, alone.state)


def test_without_remedies_a_sick_fit_is_the_fit_alone_and_its_diagnosis(rows):
    cured = fit_with_cure(KEY, trainer(20.0), vae(), rows[0], valid=rows[1], remedies=())
    assert cured.treatments == ()
    assert cured.diagnosis.findings[0].name == "posterior_collapse"
    assert int(cured.result.state.step) == STEPS


@pytest.mark.slow
def test_a_scale_far_too_large_is_learned(rows):
    cured = fit_with_cure(KEY, trainer(), vae(FixedScale(30.0)), rows[0], valid=rows[1])
    assert cured.treatments[0].remedy == "learned_likelihood_scale"
    assert cured.attempt > 0
    assert 0.2 < float(cured.result.model.head.scale.value) < 1.5


def test_a_point_prior_is_refused_with_its_cure_named(rows):
    message = r"support_mismatch.*SoftenedPrior"
    with pytest.raises(RequestError, match=message):
        check_support(KEY, vae(prior=Dirac()), rows[0])
    with pytest.raises(RequestError, match=message):
        fit_with_cure(KEY, trainer(), vae(prior=Dirac()), rows[0], valid=rows[1], remedies=(WarmUp(),))
    check_support(KEY, vae(), rows[0])


def test_a_point_prior_is_softened_before_the_first_step(rows):
    cured = fit_with_cure(KEY, trainer(), vae(prior=Dirac()), rows[0], valid=rows[1])
    treatment = cured.treatments[0]
    assert (treatment.finding, treatment.remedy) == ("support_mismatch", "softened_prior")
    assert (treatment.attempt, treatment.step, treatment.measured) == (0, 0, math.inf)
    assert math.isfinite(cured.elbo)
    prior = cured.result.model.prior()
    assert np.allclose(prior.mean, 0.0)
    assert np.allclose(prior.variance, SoftenPrior().width ** 2)


def test_a_run_that_is_not_finite_is_treated_or_its_error_is_raised(rows):
    def objective(key, model, batch, *, progress):
        loss, terms = Elbo()(key, model, batch, progress=progress)
        return loss * jnp.where(progress > 0.1, jnp.nan, 1.0), terms

    broken = replace(trainer(), objective=objective)
    with pytest.raises(NonFiniteError):
        fit_with_cure(KEY, broken, vae(), rows[0], valid=rows[1], max_attempts=2)


def test_no_attempt_at_all_is_refused(rows):
    with pytest.raises(RequestError, match="at least one attempt"):
        fit_with_cure(KEY, trainer(), vae(), rows[0], valid=rows[1], max_attempts=0)


@pytest.mark.parametrize("place", [(0, 150), (0, 330), (1, 180)], ids=str)
def test_an_interrupted_cure_resumes_to_the_same_bits(collapsed, rows, tmp_path, place):
    run = RunDirectory.create(tmp_path / "run", {"purpose": "test"})
    with pytest.raises(InterruptedRunError):
        fit_with_cure(
            KEY,
            trainer(20.0),
            vae(),
            rows[0],
            valid=rows[1],
            remedies=ONLY,
            run=run,
            callbacks=[Signal(*place)],
        )
    resumed = fit_with_cure(KEY, trainer(20.0), vae(), rows[0], valid=rows[1], remedies=ONLY, run=run)
    assert same(resumed.result.state, collapsed.result.state)
    assert resumed.treatments == collapsed.treatments
    assert resumed.elbo == collapsed.elbo
    assert run.verify() == []
    assert kept_run(run).path == run.path / "attempts" / "1"
    stored = run.read_treatments()
    assert stored["kept"] == 1
    assert [t["remedy"] for t in stored["treatments"]] == ["unit_beta"]
    again = fit_with_cure(KEY, trainer(20.0), vae(), rows[0], valid=rows[1], remedies=ONLY, run=run)
    assert same(again.result.state, collapsed.result.state)


def test_attempts_of_a_run_that_was_overwritten_are_begun_anew(rows, tmp_path):
    run = RunDirectory.create(tmp_path / "run", {"purpose": "test"})
    fit_with_cure(KEY, trainer(20.0), vae(), rows[0], valid=rows[1], run=run, remedies=(UnitBeta(0.5),))
    run = RunDirectory.create(tmp_path / "run", {"purpose": "another"}, overwrite=True)
    assert run.read_treatments() is None
    cured = fit_with_cure(KEY, trainer(20.0), vae(), rows[0], valid=rows[1], remedies=ONLY, run=run)
    assert [t.remedy for t in cured.treatments] == ["unit_beta"]
    assert len(kept_run(run).read_metrics()) == STEPS // 20


def test_every_remedy_has_a_name_of_its_own_and_knows_its_findings():
    assert len({remedy.name for remedy in REMEDIES}) == len(REMEDIES)
    assert all(remedy.sentence.endswith(".") and remedy.findings for remedy in REMEDIES)
    assert LearnLikelihoodScale() in REMEDIES
