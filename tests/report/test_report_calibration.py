"""Histograms of ranks: one panel a parameter, the worst first, and a picture that is the same every time."""

import numpy as np
import pytest

from latlas.bayes import Calibration
from latlas.core import RequestError
from latlas.report import calibration_figure, save_calibration


def calibration(count=120):
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((count, 1, 2))
    ranks = (np.array([1.0, 0.4]) * rng.standard_normal((count, 99, 2)) < truth).sum(1)
    p = (ranks + rng.uniform(size=ranks.shape)) / 100
    return Calibration(("mu", "tau"), ranks, p, 99, np.ones(count), ())


def test_the_worst_comes_first_with_what_is_wrong():
    panels = calibration_figure(calibration()).axes
    assert [panel.get_title(loc="left") for panel in panels] == ["tau: overconfident", "mu: uniform"]
    assert sum(panels[0].patches[-1].get_data().values) == 120


def test_the_same_calibration_is_the_same_picture(tmp_path):
    for name in ("a.png", "b.png", "c.svg"):
        save_calibration(tmp_path / name, calibration())
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with pytest.raises(RequestError, match=r"\.pdf"):
        save_calibration(tmp_path / "a.pdf", calibration())
