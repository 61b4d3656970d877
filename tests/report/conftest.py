from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from latlas.report import Items, LatentMap, Measures, ReportData, RunDetails, render

SHAPES = {"image": (8, 6), "series": (40,), "table": (5,)}


def history(reports: int = 12) -> list[dict[str, Any]]:
    records = []
    for step in range(1, reports + 1):
        ll, kl = -60.0 - 300 / step, 10.0 * (1 - 1 / step)
        terms = {
            "elbo": ll - kl,
            "log_likelihood": ll,
            "kl": kl,
            "beta": min(1.0, step / 4),
            "gradient_norm": 1.0,
        }
        valid = {"elbo": ll - kl - 2, "log_likelihood": ll - 2, "kl": None}
        records.append(
            {"step": 10 * step, "epoch": step, "train": terms, "valid": valid, "seconds": 0.1 * step}
        )
    return records


def evaluation(*, reliable: bool = True) -> dict[str, Any]:
    evidence = {
        "value": -71.314159,
        "standard_error": 0.4321,
        "num_samples": 1000,
        "effective_sample_size": 84.2 if reliable else 1.7,
        "pareto_k": 0.43 if reliable else 0.93,
        "reliable": reliable,
    }
    elbo = {"value": -74.4, "standard_error": 0.45}
    return {
        "log_evidence": evidence,
        "elbo": elbo,
        "rate": 12.4,
        "distortion": 62.0,
        "active_units": 3,
        "num_examples": 360,
        "of_fit": False,
    }


def measured(value: float | None, error: float | None = 0.05, **more: Any) -> dict[str, Any]:
    return {"value": value, "standard_error": error} | more


def full_evaluation(**changes: Any) -> dict[str, Any]:
    """An evaluation on real data with every part."""
    side = {"num_samples": 16, "effective_sample_size": 12.0, "pareto_k": 0.3, "reliable": True}
    bracket = {
        "lower": measured(-71.62, 0.43, **side),
        "upper": measured(-71.10, 0.44, **side),
        "width": measured(0.52, 0.06),
        "upper_is_bound": False,
        "simulated_width": measured(0.41),
        "exact": None,
    }
    found = {
        "name": "posterior_collapse",
        "severity": "serious",
        "measured": 0.0021,
        "threshold": 0.1,
        "meaning": "The latent carries next to nothing.",
        "remedy": "Warm the KL up for longer (`--warm-up 0.5`).",
    }
    note = found | {"name": "collapsed_dimensions", "severity": "note", "measured": None}
    parts = {
        "bracket": bracket,
        "certificate": {"kl": measured(3.3), "total_variation": measured(1.28), "vacuous": True},
        "diagnosis": {"findings": [note, found], "healthy": False},
    }
    return evaluation() | parts | changes


def treatments() -> list[dict[str, Any]]:
    first = {
        "finding": "posterior_collapse",
        "measured": 0.0021,
        "remedy": "longer KL warm-up",
        "attempt": 1,
        "step": 400,
        "why": "The rate stood still.",
        "outcome": "The rate rose.",
    }
    return [first, first | {"finding": "unstable_gradients", "attempt": 2, "measured": None, "outcome": None}]


def report_of(title: str, **words: Any) -> ReportData:
    """Report data from the fields of all their parts."""
    parts = [part(**{f.name: words.pop(f.name) for f in fields(part) if f.name in words}) for part in _PARTS]
    assert not words, f"no part has the fields {list(words)}"
    return ReportData(title, *parts)


_PARTS = (Items, LatentMap, Measures, RunDetails)


@pytest.fixture(scope="session")
def content() -> Callable[..., dict[str, Any]]:
    """A whole report's arguments, of one kind; any of them replaced by name."""

    def make(kind: str = "image", /, *, num: int = 10, latent_dim: int = 4, **changes: Any) -> dict[str, Any]:
        random, shape = np.random.default_rng(0), SHAPES[kind]

        def drawn() -> np.ndarray:
            values = random.normal(size=(num, *shape))
            return np.cumsum(values, axis=1) if kind == "series" else values

        items = {
            "samples": drawn(),
            "originals": drawn(),
            "reconstructions": drawn(),
            "prototype": random.normal(size=shape),
            "interpolation": random.normal(size=(2, 5, *shape)),
            "codes": random.normal(size=(num, latent_dim)),
            "labels": np.arange(num) % 3,
            "kl_per_dimension": 0.005 * np.arange(latent_dim) ** 2,
        }
        words = {"title": "Digits", "shape": shape, "likelihood": "Bernoulli", "options": {"beta": 1.0}}
        if kind == "table":
            words["feature_names"] = [f"feature {place}" for place in range(5)]
        return words | items | {"history": history(), "evaluation": evaluation()} | changes

    return make


@pytest.fixture(scope="session")
def report(content: Callable[..., dict[str, Any]]) -> Callable[..., ReportData]:
    """The report data themselves."""
    return lambda kind="image", /, **changes: report_of(**content(kind, **changes))


@pytest.fixture(scope="session")
def measures() -> Callable[..., ReportData]:
    """Report data without items and codes, whose page is drawn in a tenth of the time."""
    return lambda **changes: report_of("Digits", shape=(5,), **changes)


@pytest.fixture(scope="session")
def whole(report: Callable[..., ReportData]) -> str:
    """The page of all that `report` gives."""
    return render(report())
