"""STUB until `diagnose` is merged."""

import numpy as np

from latlas.evaluation._elbo import elbo
from latlas.evaluation._finding import Diagnosis, Finding


def quick_diagnosis(key, model, valid, *, train, history, prepare):
    found = elbo(key, model, valid, num_samples=4, prepare=prepare)
    rate = float(np.mean(found.rate))
    findings = []
    if rate < 0.1:
        findings.append(Finding("posterior_collapse", "serious", rate, 0.1, "The rate is zero.", "Warm up."))
    return Diagnosis(findings)
