import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from latlas.evaluation import Diagnosis, Finding
from latlas.evaluation.diagnosis import FindingCheck
from latlas.evaluation.diagnosis._checks_of_latent import DECODER_GAIN, find_decoder_ignores_latent
from latlas.evaluation.diagnosis._measurements import Measurements


def finding(severity, measured=1.0):
    return Finding("posterior_collapse", severity, measured, 0.5, "It did.", "Warm up.")


def test_only_what_is_worse_than_a_note_is_unhealthy():
    assert Diagnosis([]).healthy
    assert Diagnosis([finding("note")]).healthy
    assert not Diagnosis([finding("note"), finding("warning")]).healthy


def test_a_finding_is_plain_json_even_where_it_is_infinite():
    found = Diagnosis([finding("serious", math.inf)]).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["findings"][0]["measured"] is None


def test_a_name_that_no_document_explains_is_refused():
    with pytest.raises(ValueError, match="posterior_collapse"):
        FindingCheck("collapse", lambda measured: None)


def test_a_diagnosis_is_read_as_it_was_written():
    written = Diagnosis.of([finding("note"), finding("serious", math.inf)])
    assert [found.severity for found in written.findings] == ["serious", "note"]
    assert Diagnosis.from_dict(json.loads(json.dumps(written.to_dict()))) == written
    for junk in (None, [], {"findings": 3}, {"findings": [None]}, {"findings": [{"measured": "high"}]}):
        with pytest.raises(ValueError, match="got"):
            Diagnosis.from_dict(junk)


@pytest.mark.parametrize(("errors", "ignored"), [(1.5, True), (2.5, False)])
def test_a_gain_counts_from_two_standard_errors_above_the_threshold(errors, ignored):
    own = DECODER_GAIN + 0.1 * errors + np.repeat([-1.0, 1.0], 50)  # of sd 1: an error of a tenth
    measured = object.__new__(Measurements)  # only what the check asks for
    object.__setattr__(measured, "decoder", SimpleNamespace(own=own, others=np.zeros((100, 1))))
    object.__setattr__(measured, "latent", SimpleNamespace(information=3.0))
    assert (find_decoder_ignores_latent(measured) is not None) == ignored
