"""The reference draws of posteriordb's twelve posteriors, what draws are held against, and what a verdict is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import wasserstein_distance

from benchmarks._posteriordb_names import FOLDER, POSTERIORS

# what is asked of a fit, in posterior sds, relative error of sds, seconds, and posteriors that are not refused
MEAN_RMS, SD_TRUSTED, MEAN_WRONG, SD_WRONG, ANSWERED = 0.1, 0.15, 0.2, 0.3, 10
COLD, WARM = {"diamonds": 15.0}, 2.0
COLD_ELSEWHERE = 8.0


@dataclass(frozen=True)
class Reference:
    """Long runs of Stan's NUTS: mean and sd of all 10,000 draws, and 2,000 of them, `(2000, parameters)`."""

    names: tuple[str, ...]
    mean: np.ndarray
    sd: np.ndarray
    draws: np.ndarray


def reference(posterior: str) -> Reference:
    """The reference of a posterior, on the constrained scale."""
    path = FOLDER / POSTERIORS[posterior] / "reference_draws.npz"
    if not path.exists():
        raise SystemExit(f"{path} does not exist: set LATLAS_DATA to the folder that holds posteriordb.")
    with np.load(path) as arrays:
        draws = arrays["draws"].reshape(-1, arrays["draws"].shape[-1])
        return Reference(tuple(arrays["names"].tolist()), arrays["full_mean"], arrays["full_sd"], draws)


def compare(draws: np.ndarray, against: Reference) -> dict[str, float]:
    """Errors of the means and of the sds, and Wasserstein-1 distances of the marginals, in the reference's sds.

    `draws` is `(n, parameters)` on the constrained scale. One draw that is not finite makes every figure
    infinite: such an approximation has no mean.
    """
    if draws.shape[1:] != against.mean.shape:
        raise ValueError(f"Draws of shape {draws.shape} do not match {len(against.mean)} parameters.")
    names = ("mean_rms", "mean_max", "sd_least", "sd_most", "sd_error", "distance_mean", "distance_max")
    if not np.isfinite(draws).all():
        return dict.fromkeys(names, float("inf"))
    scaled, gold = ((points - against.mean) / against.sd for points in (draws, against.draws))
    error, ratio = scaled.mean(0), scaled.std(0)
    distance = [wasserstein_distance(*columns) for columns in zip(scaled.T, gold.T, strict=True)]
    figures = (
        np.sqrt(np.mean(error**2)), np.abs(error).max(), ratio.min(), ratio.max(), np.abs(ratio - 1).max(),
        np.mean(distance), np.max(distance),
    )  # fmt: skip
    return {name: float(figure) for name, figure in zip(names, figures, strict=True)}


def means_right(record: dict[str, Any]) -> bool:
    """Whether the means are within 0.1 sd (rms) of the reference."""
    return record["mean_rms"] <= MEAN_RMS


def trusted(record: dict[str, Any]) -> bool:
    """Whether the verdict is "trust"."""
    return record.get("verdict") == "trust"


def right(record: dict[str, Any]) -> bool:
    """Whether it is "trust", and the means and every sd are close."""
    return trusted(record) and means_right(record) and record["sd_error"] <= SD_TRUSTED


def wrong(record: dict[str, Any]) -> bool:
    """Whether it is "trust", and a mean or an sd is far off."""
    return trusted(record) and (record["mean_max"] > MEAN_WRONG or record["sd_error"] > SD_WRONG)


def scoreboard(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The figures to reach, over the runs of one contender that gives verdicts.

    A record has `posterior`, `seed` and either `failed` or the figures of `compare`, `verdict` and seconds. A
    run that failed counts against every figure it would have entered.
    """
    done = [record for record in records if "failed" not in record]
    trust = [record for record in done if trusted(record)]
    sds_right = [record for record in trust if record["sd_error"] <= SD_TRUSTED]
    mistaken = [record for record in done if wrong(record)]
    answered = [record for record in done if record["verdict"] in ("trust", "means only")]
    answers = [record for record in answered if means_right(record)]
    cold = [r for r in done if r["seconds_cold"] <= COLD.get(r["posterior"], COLD_ELSEWHERE)]
    warm = [record for record in done if record["seconds_warm"] <= WARM]
    seeds = {record["seed"] for record in records}
    fewest = min((sum(r["seed"] == seed for r in answered) for seed in seeds), default=0)
    asked = min(ANSWERED, len({record["posterior"] for record in records}))
    everyone, any_wrong = len(records), ", ".join(sorted({record["posterior"] for record in mistaken}))
    return [
        _of(f"rms error of the means at most {MEAN_RMS} sd", sum(map(means_right, done)), everyone, everyone),
        _of(f"every sd within {SD_TRUSTED:.0%} where trusted", len(sds_right), len(trust), len(trust)),
        _of("'trust' was right (both of the above)", sum(map(right, done)), len(trust), len(trust)),
        _of("'trust' or 'means only', and the means are right", len(answers), len(answered), len(answered)),
        _of("'trust' or 'means only', the fewest of any seed", fewest, everyone // max(len(seeds), 1), asked),
        {"figure": f"'trust' with a mean off by > {MEAN_WRONG} sd or an sd by > {SD_WRONG:.0%}",
         "value": f"{len(mistaken)} {any_wrong}".strip(), "goal": "0", "reached": not mistaken},
        _of(f"fresh process within {COLD_ELSEWHERE:g} s (diamonds {COLD['diamonds']:g})", len(cold), everyone, everyone),
        _of(f"warm within {WARM:g} s", len(warm), everyone, everyone),
        _of("ended, without an error or a hang", len(done), everyone, everyone),
    ]  # fmt: skip


def _of(figure: str, count: int, total: int, goal: int) -> dict[str, Any]:
    return {"figure": figure, "value": f"{count} of {total}", "goal": str(goal), "reached": count >= goal}
