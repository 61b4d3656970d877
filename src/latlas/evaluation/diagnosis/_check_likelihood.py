"""The spread that the likelihood claims against the spread of the data around their reconstruction."""

from latlas.evaluation.diagnosis._finding import Finding
from latlas.evaluation.diagnosis._measurements import Measurements

# ratio of variances, in either direction: error bars wrong by a factor of 1.4
SCALE_RATIO = 2.0


def find_wrong_likelihood_scale(m: Measurements) -> Finding | None:
    """Data lie further from the reconstruction than the likelihood's own draws, or nearer."""
    off = {name: max(ratio, 1.0 / ratio) for name, ratio in m.residual_ratio.items() if ratio > 0}
    if not off or max(off.values()) <= SCALE_RATIO:
        return None
    worst = max(off, key=lambda name: off[name])
    ratio = m.residual_ratio[worst]
    where = "" if len(off) == 1 else f" of {worst}"
    if ratio > 1:
        said = (
            f"{ratio:.3g} times the variance that the likelihood allows for: it is too narrow (for counts, the data are "
            "overdispersed), and claims to know the data better than it does"
        )
    else:
        said = (
            f"only {ratio:.2g} of the variance that the likelihood allows for: it is too wide, and its draws are noisier "
            "than the data"
        )
    return Finding(
        "wrong_likelihood_scale",
        "warning",
        ratio,
        SCALE_RATIO if ratio > 1 else 1.0 / SCALE_RATIO,
        f"Around their reconstruction the data{where} have {said}.",
        "Let the scale be learnt (Gaussian(LearnedScale()), LearnedScale(x.shape) for one per feature, PredictedScale() for "
        "one per entry), or take a likelihood that can be as wide as the data (Student-t for outliers; for counts a "
        "negative binomial).",
    )
