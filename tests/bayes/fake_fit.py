"""A fit as `latlas.bayes.fit` gives one, made up: what is saved, shown and printed needs no engine."""

import jax.random as jr
import numpy as np

from latlas.bayes.fitting._ladder import Rung
from latlas.bayes.targets._coordinates import flat_draws
from latlas.bayes.verdict._verdict import Check, Verdict
from latlas.core import Estimate, Evidence


class FakeFit:
    """Eight schools, roughly; `kind` says the verdict."""

    def __init__(self, kind="trust", *, reference=True, num_entries=8):
        self.kind, self.num_entries = kind, num_entries
        self.engine, self.family = "batch-and-match", "full-rank"
        reasons = {
            "trust": ("The importance weights are tame (k 0.31) and two engines agree on the ELBO.",),
            "means only": (
                "The standard deviations of mean-field are too small.",
                "Means agree within 0.1 sd.",
            ),
            "do not trust": ("The importance weights are wild (k 1.2).", "Starts ended in different modes."),
        }[kind]
        self.verdict = Verdict(kind, reasons)
        self.elbo, self.log_evidence = (
            Estimate(-31.61, 0.02),
            Evidence(-31.42, 0.03, 4096, 2345.0, 0.31, True),
        )
        self.pareto_k, self.num_evaluations, self.seconds = 0.31, 4321, 1.25
        self.ladder = (
            Rung("laplace", "full-rank", "failed: the Hessian is not positive definite.", None, 0.4, 310),
            Rung("batch-and-match", "full-rank", str(self.verdict), Estimate(-31.61, 0.02), 0.85, 4011),
        )
        passed = kind == "trust"
        self.diagnosis = (
            Check("elbo_agreement", 0.02, 0.1, True, "How far the ELBOs of two engines lie apart, in nats."),
            Check("pareto_k", 0.31 if passed else 1.2, 0.7, passed, "The tail of the importance weights."),
            Check("modes", float("nan"), 1.0, True, "Not measured: one start."),
        )
        self.reference = None
        if reference:
            draws = self._draws(np.random.default_rng(7), 2000)
            self.reference = {name: a.reshape(4, 500, *a.shape[1:]) for name, a in draws.items()}

    def _draws(self, rng, num):
        mu = rng.normal(4.4, 3.3, num)
        tau = np.exp(rng.normal(1.0, 0.8, num))
        theta = mu[:, None] + tau[:, None] * rng.normal(size=(num, self.num_entries))
        return {"mu": mu, "tau": tau, "theta": theta}

    def sample(self, key, num_draws):
        return self._draws(np.random.default_rng(np.asarray(jr.key_data(key)).tolist()), num_draws)

    def summary(self):
        found = {}
        for name, x in flat_draws(self._draws(np.random.default_rng(0), 4000)).items():
            q05, q50, q95 = np.quantile(x, [0.05, 0.5, 0.95])
            row = {"mean": x.mean(), "sd": x.std(), "q05": q05, "q50": q50, "q95": q95, "mcse": x.std() / 63}
            found[name] = {key: float(value) for key, value in row.items()}
        return found

    def to_dict(self):
        return {
            "engine": self.engine,
            "family": self.family,
            "elbo": self.elbo.to_dict(),
            "log_evidence": self.log_evidence.value,
            "pareto_k": self.pareto_k,
            "verdict": str(self.verdict),
            "parameters": self.summary(),
            "seconds": self.seconds,
        }
