"""Ranks of truths among a fit's draws, and what they say of the fit."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float, Int

LEVEL = 0.05  # chance that a right engine is called wrong, over all parameters and tests


@dataclass(frozen=True)
class Calibration:
    r"""Where true parameters lay among the draws of fits to data that they made.

    With $p$ the share of a fit's draws below the truth, which is uniform for a posterior that is right, and
    $z = \Phi^{-1}(p)$, three tests are made of each parameter, and Bonferroni's correction over all of them:

    - `uniformity`: Kolmogorov and Smirnov's, of p;
    - `bias`: Student's t of the mean of z. Above 0 the truths lie above the fits: these are too low, by about so
      many of their own standard deviations;
    - `dispersion`: chi-square of the standard deviation of z (Cook, Gelman, Rubin 2006, JCGS 15(3), section 3). Above 1
      the histogram of ranks is a U and the fits are overconfident; below 1 it is a hump and they are too wide.

    Attributes:
        names: of the entries of all parameters, m of them.
        ranks: number of draws below the truth, 0 to `num_draws`, for each simulation.
        probabilities: p, Yao et al.'s VSBC probabilities: ranks spread uniformly over their cell.
        num_draws: of each fit.
        seconds: of each fit that was tried; the first one's hold the compilation.
        failures: how fits that gave nothing ended; their data sets are left out of account.
    """

    names: tuple[str, ...]
    ranks: Int[np.ndarray, "simulations m"]
    probabilities: Float[np.ndarray, "simulations m"]
    num_draws: int
    seconds: Float[np.ndarray, " tried"]
    failures: tuple[str, ...]

    @cached_property
    def _z(self) -> Float[np.ndarray, "simulations m"]:
        return scipy.stats.norm.ppf(self.probabilities)

    @property
    def bias(self) -> Float[np.ndarray, " m"]:
        """Mean of z: how far the truths lie above the fits, in about the fits' standard deviations."""
        return self._z.mean(axis=0)

    @property
    def dispersion(self) -> Float[np.ndarray, " m"]:
        """Standard deviation of z: about how many times the posterior's standard deviation is the fits' own.

        It cannot be much above 2.5, the largest z that 99 draws show.
        """
        return self._z.std(axis=0, ddof=1)

    @cached_property
    def p_values(self) -> dict[str, Float[np.ndarray, " m"]]:
        """Of each test, "uniformity", "bias" and "dispersion", for each parameter; not yet corrected."""
        count = len(self._z)
        uniformity = scipy.stats.kstest(self.probabilities, "uniform", axis=0).pvalue
        bias = scipy.stats.ttest_1samp(self._z, 0.0, axis=0).pvalue
        below = scipy.stats.chi2.cdf((count - 1) * self.dispersion**2, count - 1)
        return {
            "uniformity": np.asarray(uniformity),
            "bias": np.asarray(bias),
            "dispersion": 2.0 * np.minimum(below, 1.0 - below),
        }

    @property
    def limit(self) -> float:
        """The p-value below which one test fails: 0.05 over the number of all tests."""
        return LEVEL / (3 * len(self.names))

    @property
    def passed(self) -> bool:
        """Whether no test of any parameter fails."""
        return all((values >= self.limit).all() for values in self.p_values.values())

    @property
    def findings(self) -> dict[str, str]:
        """One sentence for each parameter: what its ranks say."""
        return {name: self._finding(index) for index, name in enumerate(self.names)}

    def _finding(self, index):
        failed = {name for name, values in self.p_values.items() if values[index] < self.limit}
        bias, dispersion = self.bias[index], self.dispersion[index]
        said = []
        if "bias" in failed:
            side = "too low" if bias > 0 else "too high"
            said.append(f"the fits are {side}, by about {abs(bias):.2g} of their sds")
        if "dispersion" in failed and dispersion > 1:
            said.append(
                f"they are overconfident (a U): truths spread {dispersion:.2g} times as far as their sds say"
            )
        if "dispersion" in failed and dispersion < 1:
            said.append(
                f"they are too wide (a hump): truths spread {dispersion:.2g} times as far as their sds say"
            )
        if not said and failed:
            said.append(
                "the ranks are not uniform, neither by a shift nor by a wrong width: the shape is off"
            )
        return "; ".join(said) if said else "no departure from uniform ranks"

    def __str__(self) -> str:
        count, tried = len(self.ranks), len(self.seconds)
        head = f"{count} of {tried} simulated data sets fitted, {self.num_draws} draws each: "
        wrong = {
            name: text for name, text in self.findings.items() if text != "no departure from uniform ranks"
        }
        if not wrong:
            return f"{head}calibrated as far as these show, for all {len(self.names)} parameters."
        listed = ". ".join(f"{name}: {text}" for name, text in wrong.items())
        return f"{head}not calibrated in {len(wrong)} of {len(self.names)} parameters. {listed}."

    def to_dict(self) -> dict[str, Any]:
        """What was found as plain values, ready for JSON."""
        columns = {"bias": self.bias, "dispersion": self.dispersion} | {
            f"p_{name}": values for name, values in self.p_values.items()
        }
        return {
            "passed": self.passed,
            "num_simulations": len(self.ranks),
            "num_draws": self.num_draws,
            "failures": list(self.failures),
            "seconds": float(self.seconds.sum()),
            "parameters": {
                name: {column: float(values[index]) for column, values in columns.items()}
                | {"finding": self.findings[name]}
                for index, name in enumerate(self.names)
            },
        }
