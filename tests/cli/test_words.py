"""What the verbs say in words: no figure is called what it is not, and no advice is given that does not help."""

import pytest

from latlas.cli._words import evaluation


def measured(*, k=0.3, rate=9.46, information=0.02, num=360, **more):
    evidence = {
        "value": -20.0, "standard_error": 0.2, "num_samples": 1000, "effective_sample_size": 50.0, "pareto_k": k,
        "reliable": k is not None and k < 0.7,
    }  # fmt: skip
    told = {"value": information, "standard_error": 0.01, "num_examples": num}
    return {
        "log_evidence": evidence, "elbo": {"value": -21.0, "standard_error": 0.2}, "rate": rate, "distortion": 11.5,
        "information": told, "active_units": 0, "num_examples": num,
    } | more  # fmt: skip


def line(found, begins):
    return next(line for line in evaluation(found).splitlines() if line.startswith(begins))


def test_a_rate_is_split_into_information_and_the_distance_of_all_codes_from_the_prior():
    told = line(measured(), "rate")
    assert "0.02 of information about x" in told
    assert "9.44 by which all codes lie off the prior" in told
    assert "nats of information" not in told


def test_more_information_than_so_many_examples_can_show_is_a_lower_bound():
    told = line(measured(rate=12.4, information=5.8), "rate")
    assert "at least 5.80 of them information about x" in told
    assert "360 examples cannot show more than 5.89" in told
    assert "off the prior" not in told


def test_a_rate_whose_information_was_not_measured_is_its_limit():
    assert "at most all are information" in line(measured(information=None), "rate")
    assert "at most all are information" in line(measured(rate=None), "rate")


@pytest.mark.parametrize(
    ("k", "has", "lacks"),
    [
        (0.3, "Believe it", "--bound ais"),
        (0.8, "More --num-samples help slowly", "do not"),
        (3.7, "--bound ais helps, more draws do not", "--num-samples"),
        (None, "too few to judge", "--bound ais"),
    ],
)
def test_the_advice_is_one_that_helps(k, has, lacks):
    told = evaluation(measured(k=k)).splitlines()[-1]
    assert has in told
    assert lacks not in told


def test_examples_of_the_fit_are_called_so():
    assert "of the fit itself" in line(measured(of_fit=True), "log p(x)")
    assert "of the fit" not in line(measured(of_fit=False), "log p(x)")
