"""What only shows against data: overfitting, a wrong scale, values without probability, holes, heavy weights."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import stats
from tests.evaluation.sick_models import FEATURES, LATENT, fitted, linear_data, names, with_parts

from latlas.core import Example
from latlas.distributions import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretisedLogistic,
    FixedScale,
    Gaussian,
    Laplace,
    LearnedScale,
    Likelihood,
    Mixed,
    Poisson,
    StudentT,
)
from latlas.evaluation import diagnose
from latlas.evaluation.diagnosis import ALL_CHECKS, QUICK_CHECKS
from latlas.evaluation.diagnosis._residuals import dispersions, outside_support, residuals
from latlas.models import PPCA, AbstractLatentModel


def only(*wanted):
    return [check for check in ALL_CHECKS if check.name in wanted]


# --- overfitting


@pytest.mark.parametrize("seed", range(3))
def test_a_model_of_few_rows_knows_them_by_heart(seed):
    x = linear_data(seed, num=312)
    found = diagnose(
        jr.key(seed), fitted(x[:12]), Example(x[12:]), train=Example(x[:12]), checks=only("overfitting")
    )
    assert names(found) == {"overfitting"}
    assert found.findings[0].measured > found.findings[0].threshold


@pytest.mark.parametrize("seed", range(3))
def test_a_model_of_many_rows_is_as_good_on_others(seed):
    x = linear_data(seed, num=600)
    found = diagnose(
        jr.key(seed), fitted(x[:300]), Example(x[300:]), train=Example(x[:300]), checks=QUICK_CHECKS
    )
    assert found.findings == ()


# --- the likelihood


class Components(AbstractLatentModel):
    """Two equally likely components, each a head with parameters of its own; the posterior is exact."""

    head: object
    params: object

    def prior(self, condition=None):
        return dist.Categorical(logits=jnp.zeros(2))

    def posterior(self, example):
        log_probs = [self.likelihood(k).log_prob(example.x, example.observed) for k in range(2)]
        return dist.Categorical(logits=jnp.stack(log_probs))

    def likelihood(self, z, condition=None):
        params = self.params
        if isinstance(params, dict):
            return Likelihood(self.head, {name: one[z] for name, one in params.items()})
        return Likelihood(self.head, params[z])


LOC = np.linspace(-2.0, 2.0, FEATURES)
LOCS = jnp.asarray(np.stack([LOC, -LOC]), jnp.float32)


def real(seed, noise, num=300):
    rng = np.random.default_rng(seed)
    return (np.asarray(LOCS)[rng.integers(2, size=num)] + noise(rng, (num, FEATURES))).astype(np.float32)


def normal(rng, shape):
    return rng.normal(size=shape)


def laplace(rng, shape):
    return rng.laplace(size=shape)


def student(rng, shape):
    return stats.t.rvs(4.0, size=shape, random_state=rng)


def logistic_levels(rng, shape):
    return np.clip(np.round(0.5 * (rng.logistic(scale=0.2, size=shape) + 1) * 15), 0, 15)


def ratio(likelihood, x, observed=None):
    """That of variances, for rows under one likelihood each."""
    x = jnp.asarray(x, jnp.float32)
    observed = None if observed is None else jnp.asarray(observed)
    spread = jnp.ones_like(x) if observed is None else jnp.ones(observed.shape)
    data, own = residuals(jr.key(0), likelihood, x, observed, spread)["x"]
    return float((data / own) ** 2)


@pytest.mark.parametrize(("head", "noise"), [(Gaussian, normal), (Laplace, laplace), (StudentT, student)])
@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_residuals_are_held_against_those_of_the_likelihoods_own_draws(head, noise, factor, seed):
    x = noise(np.random.default_rng(seed), (300, FEATURES))
    found = ratio(Likelihood(head(FixedScale(factor)), jnp.zeros_like(jnp.asarray(x, jnp.float32))), x)
    assert found == pytest.approx(factor**-2, rel=0.15)


def test_predicted_scales_and_levels_are_judged_too():
    rng = np.random.default_rng(0)
    x = logistic_levels(rng, (300, FEATURES))
    params = jnp.broadcast_to(jnp.asarray([0.0, np.log(np.expm1(0.2 - 1e-3))]), (300, FEATURES, 2))
    assert ratio(Likelihood(DiscretisedLogistic(16), params), x) == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize(("mean", "over"), [(5.0, 2.0), (0.5, 2.75), (20.0, 2.75), (0.05, 1.5)])
def test_counts_are_judged_by_their_variance_over_their_mean(mean, over):
    rng = np.random.default_rng(0)
    shape = (4000, FEATURES)
    # a negative binomial of this mean and so many times its variance, rare large counts and all
    counts = rng.negative_binomial(mean / (over - 1), 1 / over, size=shape)
    likelihood = Likelihood(Poisson(), jnp.full(shape, np.log(mean)))
    for x, expected in ((counts, over), (rng.poisson(mean, shape), 1.0)):
        data, own = dispersions(jr.key(0), likelihood, jnp.asarray(x, jnp.float32), None)["x"]
        assert float(data / own) == pytest.approx(expected, rel=0.1)


def test_overdispersed_counts_are_seen():
    rng = np.random.default_rng(0)
    counts = rng.negative_binomial(0.5 / 1.75, 1 / 2.75, size=(400, FEATURES))
    model = Components(Mixed({"x": Poisson()}), {"x": jnp.full((2, FEATURES), np.log(0.5))})
    batch = Example({"x": counts.astype(np.int32)})
    found = diagnose(jr.key(0), model, batch, checks=only("wrong_likelihood_scale")).findings
    assert [finding.name for finding in found] == ["wrong_likelihood_scale"]
    assert found[0].measured == pytest.approx(2.75, rel=0.25)


def test_few_distinct_values_under_a_density_are_named():
    x = np.random.default_rng(0).normal(size=(200, FEATURES)).astype(np.float32)
    likelihoods = {
        "learned": Gaussian(LearnedScale()),
        "fixed": Gaussian(FixedScale(1.0)),
        "yes": Bernoulli(),
    }
    params = {name: jnp.zeros((2, FEATURES)) for name in likelihoods}
    binary = (x > 0).astype(np.float32)
    check = only("few_distinct_values")
    mixed = {"learned": np.where(np.arange(FEATURES) == 1, binary, x), "fixed": binary, "yes": binary}
    found = diagnose(jr.key(0), Components(Mixed(likelihoods), params), Example(mixed), checks=check).findings
    assert [(finding.name, finding.measured) for finding in found] == [("few_distinct_values", 2.0)]
    assert f"1 of {FEATURES} entries of learned hold few distinct values" in found[0].meaning
    mixed["learned"] = x
    assert not diagnose(
        jr.key(0), Components(Mixed(likelihoods), params), Example(mixed), checks=check
    ).findings


def test_what_is_not_observed_is_not_judged():
    x = np.random.default_rng(0).normal(size=(300, FEATURES))
    observed = np.random.default_rng(1).random(x.shape) < 0.5
    broken = np.where(observed, x, np.nan)
    likelihood = Likelihood(Gaussian(FixedScale(1.0)), jnp.zeros(x.shape))
    assert ratio(likelihood, broken, observed) == pytest.approx(1.0, rel=0.15)


def test_the_mean_of_a_bernoulli_fixes_its_spread():
    likelihood = Likelihood(Bernoulli(), jnp.zeros(FEATURES))
    assert residuals(jr.key(0), likelihood, jnp.zeros(FEATURES), None, jnp.ones(FEATURES)) == {}


def test_a_scale_that_is_too_small_is_seen():
    x = linear_data(0)
    model = fitted(x)
    check = only("wrong_likelihood_scale")
    for factor in (0.5, 2.0):
        found = diagnose(
            jr.key(0), with_parts(model, noise=factor * model.noise), Example(x), checks=check
        ).findings
        assert [f.name for f in found] == ["wrong_likelihood_scale"]
        assert (found[0].measured > 1) is (factor < 1)
        # distances were measured: it says how many times as far, and what was held against the threshold
        assert f"{np.sqrt(found[0].measured):.3g} times as far" in found[0].meaning
        assert f"(squared: {found[0].measured:.3g})" in found[0].meaning


def test_one_wrong_column_of_several_is_named():
    x = {"good": real(0, normal), "bad": 4.0 * real(0, normal)}
    head = Mixed({"good": Gaussian(FixedScale(1.0)), "bad": Gaussian(LearnedScale(init=1.0))})
    model = Components(head, {"good": LOCS, "bad": 4.0 * LOCS})
    found = diagnose(jr.key(0), model, Example(x), train=Example(x), checks=QUICK_CHECKS)
    assert names(found) == {"wrong_likelihood_scale"}
    assert "The data of bad" in found.findings[0].meaning


@pytest.mark.parametrize(
    ("head", "value"),
    [
        pytest.param(Bernoulli(), 3.0, id="bernoulli"),
        pytest.param(ContinuousBernoulli(), -0.5, id="continuous bernoulli"),
        pytest.param(Categorical(2), 2.0, id="categorical"),
        pytest.param(DiscretisedLogistic(2), 2.0, id="levels"),
        pytest.param(Poisson(), -1.0, id="negative count"),
        pytest.param(Poisson(), 0.5, id="broken count"),
        pytest.param(Gaussian(), np.nan, id="not a number"),
        pytest.param(Mixed({"a": Poisson(), "b": Gaussian()}), -1.0, id="mixed"),
    ],
)
def test_a_value_that_the_likelihood_has_no_probability_for_is_counted(head, value):
    x = jnp.asarray(np.random.default_rng(0).integers(2, size=FEATURES), jnp.float32)  # fits them all
    broken, observed = x.at[2].set(value), jnp.ones(FEATURES, bool)
    size = FEATURES
    unseen = observed.at[2].set(False)
    if isinstance(head, Mixed):
        x, broken, observed, unseen = ({"a": part, "b": part} for part in (x, broken, observed, unseen))
        size = 2 * FEATURES
    likelihood = Likelihood(head, x)  # its parameters do not matter
    assert outside_support(likelihood, x, None) == 0
    assert float(outside_support(likelihood, broken, observed)) == pytest.approx(1 / size)
    assert outside_support(likelihood, broken, unseen) == 0


def test_data_without_probability_are_seen():
    x = np.random.default_rng(0).integers(2, size=(40, FEATURES)).astype(np.float32)
    model = Components(Bernoulli(), LOCS)
    check = only("support_mismatch")
    assert diagnose(jr.key(0), model, Example(x), checks=check).findings == ()
    x[3, 2] = 3.0
    found = diagnose(jr.key(0), model, Example(x), checks=check)
    assert names(found) == {"support_mismatch"}
    assert found.findings[0].measured == pytest.approx(1 / x.size)


# --- the prior


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", [0.5, 0.02])
def test_codes_that_fill_the_prior_are_no_mismatch(seed, noise):
    # with little noise the rate is far above the logarithm of the number of examples, and rate - information with it
    x = linear_data(seed, num=600, noise=noise)
    found = diagnose(jr.key(seed), fitted(x[:300]), Example(x[300:]), checks=QUICK_CHECKS)
    assert found.findings == ()


@pytest.mark.parametrize(
    "change", [{"shift": 2.0}, {"encode": 4.0}, {"encode": 0.02}], ids=["beside it", "too wide", "too narrow"]
)
def test_codes_that_leave_the_prior_empty_are_seen(change):
    x = linear_data(0)
    model = with_parts(fitted(x), log_scale=-2.0)
    if "encode" in change:
        change = {"encode": change["encode"] * model.encode}
    check = only("aggregate_posterior_mismatch")
    found = diagnose(jr.key(0), with_parts(model, **change), Example(x), checks=check)
    assert names(found) == {"aggregate_posterior_mismatch"}


@pytest.mark.parametrize("seed", range(3))
def test_the_mismatch_is_estimated_from_below_and_near_the_truth(seed):
    # codes are N(shift, I) in truth, the prior is N(0, I)
    x = linear_data(seed, num=400)
    found = diagnose(
        jr.key(seed),
        with_parts(fitted(x), shift=1.5),
        Example(x),
        checks=only("aggregate_posterior_mismatch"),
    )
    truth = 0.5 * LATENT * 1.5**2
    assert 0.85 * truth < found.findings[0].measured < 1.15 * truth


# --- the evidence


@pytest.mark.parametrize("seed", range(3))
def test_weights_of_a_posterior_that_is_too_narrow_are_not_believed(seed):
    x = linear_data(seed, num=100)
    model = fitted(x)
    check = only("unreliable_evidence")
    narrow = with_parts(model, log_scale=model.log_scale - 1.5)
    assert names(diagnose(jr.key(seed), narrow, Example(x), checks=check)) == {"unreliable_evidence"}
    # the tail of the weights of a posterior that is s times as wide as the true one has k = 1 - s^2
    for log_factor in (0.0, 0.3, -0.15):
        wide = with_parts(model, log_scale=model.log_scale + log_factor)
        assert diagnose(jr.key(seed), wide, Example(x), checks=check).findings == ()


def test_probabilistic_pca_passes_every_check():
    x = linear_data(3, num=600)
    model = PPCA.maximum_likelihood(x[:300], LATENT)
    found = diagnose(jr.key(0), model, Example(x[300:]), train=Example(x[:300]))
    assert found.findings == ()
    assert found.healthy


@pytest.mark.parametrize("seed", range(2))
def test_an_encoder_that_places_examples_badly_is_seen(seed):
    x = linear_data(seed, num=40)
    model = fitted(x)
    check = only("amortization_gap")
    assert diagnose(jr.key(seed), model, Example(x), checks=check).findings == ()
    found = diagnose(jr.key(seed), with_parts(model, shift=0.6), Example(x), checks=check)
    assert names(found) == {"amortization_gap"}
    # exactly: KL(q || posterior), half the squared distance in units of the posterior's scale
    truth = 0.5 * np.sum((0.6 / np.exp(np.asarray(model.log_scale))) ** 2)
    assert found.findings[0].measured == pytest.approx(truth, rel=0.1)
