"""What the reports of a run say about it: stopped too early, won by a smaller KL alone, or unstable."""

import numpy as np
from jaxtyping import Float

from latlas.evaluation.diagnosis._finding import Finding
from latlas.evaluation.diagnosis._history import Curves
from latlas.evaluation.diagnosis._measurements import Measurements

# A slope needs some reports to stand out of their noise.
_FEWEST_REPORTS = 8
# standard errors by which a slope has to differ from zero
_STANDARD_ERRORS = 4.0
# A last quarter that brought more than this share of all that the run has won is no plateau: a run twice as long would
# win a few per cent more.
RISING_SHARE = 0.02
# Reports count as after the warm-up where beta is within this share of its last value.
_SETTLED = 0.01
# More than nine tenths of the gain from the KL, and a KL that at least halved, is pruning of what the latent knew.
KL_SHARE = 0.9
_KL_LEFT = 0.5
# The norm of the gradient varies by a small factor from report to report in a stable run.
GRADIENT_GROWTH = 10.0
# One bad batch in ten thousand steps is an accident.
_SKIPPED_SHARE = 1e-4


def find_too_few_epochs(m: Measurements) -> Finding | None:
    """The ELBO was still rising when the run ended, or the warm-up of the KL had not ended."""
    curves = m.training.curves
    if curves is None:
        return None
    remedy = "Train longer (epochs, num_epochs), or with a larger learning rate; with validation data the best model is "
    remedy += "kept anyway."
    beta = curves.train.get("beta")
    if (
        beta is not None
        and len(beta) > 1
        and np.isfinite(beta).all()
        and beta[-1] > (1 + _SETTLED) * beta[-2]
    ):
        return Finding(
            "too_few_epochs",
            "warning",
            float(beta[-1]),
            float(beta[-2]),
            f"The price of the KL, beta, was still rising when the run ended (from {beta[-2]:.3g} to {beta[-1]:.3g}): the "
            "model was never trained with the objective that was asked for.",
            "Train longer, or make the warm-up a smaller share of the run (warm_up=0.1).",
        )
    elbo = curves.judged("elbo")
    if elbo is None or len(elbo) < _FEWEST_REPORTS:
        return None
    last = max(_FEWEST_REPORTS // 2, len(elbo) // 4)
    slope, error = _slope(elbo[-last:])
    rise, won = slope * (last - 1), _settled(elbo) - elbo[0]
    share = rise / won if won > 0 else np.inf
    if slope <= _STANDARD_ERRORS * error or share <= RISING_SHARE:
        return None
    return Finding(
        "too_few_epochs",
        "warning",
        float(share),
        RISING_SHARE,
        f"The ELBO rose by {rise:.3g} nats in the last {last} of {len(elbo)} reports, {share:.0%} of all that the run has "
        "won: it had not come to its plateau when the run ended.",
        remedy,
    )


def find_kl_underfitting(m: Measurements) -> Finding | None:
    """Once beta was constant the ELBO rose by a smaller KL alone, while the reconstruction stood still or fell."""
    curves = m.training.curves
    if curves is None:
        return None
    elbo, log_likelihood, kl = (curves.judged(name) for name in ("elbo", "log_likelihood", "kl"))
    if elbo is None or log_likelihood is None or kl is None:
        return None
    settled = _constant_beta(curves, len(elbo))
    if settled.sum() < _FEWEST_REPORTS:
        return None
    elbo, log_likelihood, kl = elbo[settled], log_likelihood[settled], kl[settled]
    gains = [_settled(term) - term[0] for term in (elbo, log_likelihood)]
    left = _settled(kl) / kl[0] if kl[0] > 0 else np.inf
    noise = np.std(np.diff(elbo[len(elbo) // 2 :]))
    if gains[0] <= _STANDARD_ERRORS * noise or left > _KL_LEFT:
        return None
    share = 1.0 - gains[1] / gains[0]
    if share <= KL_SHARE:
        return None
    return Finding(
        "kl_underfitting",
        "warning",
        float(share),
        KL_SHARE,
        f"The ELBO rose by {gains[0]:.3g} nats while the reconstruction changed by {gains[1]:.3g}: {share:.0%} of the gain "
        f"came from a smaller KL (from {kl[0]:.3g} to {_settled(kl):.3g} nats), that is, from forgetting the data.",
        'Make the KL cheaper early on: cure="auto", a longer warm-up (warm_up=0.5), free bits, or several encoder steps per '
        "decoder step.",
    )


def find_unstable_gradients(m: Measurements) -> Finding | None:
    """Steps that were not finite, or gradients that grow or jump late in the run."""
    curves = m.training.curves
    if curves is None:
        return None
    remedy = "Lower the learning rate, clip the gradient, warm the learning rate up, and look at the data for values far "
    remedy += "outside the others; a likelihood scale near its minimum makes gradients large."
    skipped, steps = float(curves.skipped_steps.sum()), float(np.nanmax(curves.step))
    if skipped > _SKIPPED_SHARE * steps:
        return Finding(
            "unstable_gradients",
            "warning",
            skipped / steps,
            _SKIPPED_SHARE,
            f"{skipped:.0f} of {steps:.0f} steps had a loss or gradient that was not finite, and were skipped.",
            remedy,
        )
    norms = curves.train.get("gradient_norm")
    if norms is None or len(norms) < _FEWEST_REPORTS:
        return None
    if not np.isfinite(norms).all():
        growth, what = np.inf, "was not finite"
    else:
        half = len(norms) // 2
        usual = max(float(np.median(norms[len(norms) // 4 :])), np.finfo(np.float32).tiny)
        early = max(float(np.median(norms[len(norms) // 4 : half])), np.finfo(np.float32).tiny)
        grown, jump = (
            float(np.median(norms[-max(len(norms) // 4, 1) :])) / early,
            float(norms[half:].max()) / usual,
        )
        growth = max(grown, jump)
        what = f"grew {growth:.3g}-fold" if grown >= jump else f"jumped to {growth:.3g} times its usual size"
    if growth <= GRADIENT_GROWTH:
        return None
    return Finding(
        "unstable_gradients",
        "warning",
        float(growth),
        GRADIENT_GROWTH,
        f"The norm of the gradient {what} in the later part of the run: single steps decide where it goes.",
        remedy,
    )


def _slope(values: Float[np.ndarray, " reports"]) -> tuple[float, float]:
    """Slope per report of a straight line, and its standard error."""
    t = np.arange(len(values)) - (len(values) - 1) / 2
    slope = float(t @ values / (t @ t))
    rest = values - values.mean() - slope * t
    return slope, float(np.sqrt(rest @ rest / max(len(values) - 2, 1) / (t @ t)))


def _settled(values: Float[np.ndarray, " reports"]) -> float:
    """Mean of the last tenth."""
    return float(np.mean(values[-max(1, len(values) // 10) :]))


def _constant_beta(curves: Curves, num_reports: int) -> np.ndarray:
    """The reports from the one on after which beta did not change any more."""
    beta = curves.train.get("beta")
    if beta is None:
        return np.ones(num_reports, bool)
    off = np.flatnonzero(~(np.abs(beta - beta[-1]) <= _SETTLED * np.abs(beta[-1])))
    return np.arange(num_reports) > (off[-1] if off.size else -1)
