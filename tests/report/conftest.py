from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from latlas.report import ReportData

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
    }


@pytest.fixture
def content() -> Callable[..., dict[str, Any]]:
    """A whole report's arguments, of one kind; any of them replaced by name."""

    def make(kind: str = "image", *, num: int = 10, latent_dim: int = 4, **changes: Any) -> dict[str, Any]:
        random, shape = np.random.default_rng(0), SHAPES[kind]
        items = {
            "samples": random.normal(size=(num, *shape)),
            "originals": random.normal(size=(num, *shape)),
            "reconstructions": random.normal(size=(num, *shape)),
            "prototype": random.normal(size=shape),
            "interpolation": random.normal(size=(2, 5, *shape)),
            "codes": random.normal(size=(num, latent_dim)),
            "labels": np.arange(num) % 3,
            "kl_per_dimension": 0.005 * np.arange(latent_dim) ** 2,
        }
        words = {"title": "Digits", "item_shape": shape, "likelihood": "Bernoulli", "options": {"beta": 1.0}}
        if kind == "table":
            words["feature_names"] = [f"feature {place}" for place in range(5)]
        return words | items | {"history": history(), "evaluation": evaluation()} | changes

    return make


@pytest.fixture
def report(content: Callable[..., dict[str, Any]]) -> Callable[..., ReportData]:
    """The report data themselves."""
    return lambda kind="image", **changes: ReportData(**content(kind, **changes))
