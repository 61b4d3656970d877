"""What an Atlas can be asked about itself; how each is measured is tested where it is made."""

import numpy as np
import pytest

from latlas.estimators import Atlas


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 6)) + 0.3 * rng.normal(size=(400, 6))
    atlas = Atlas(latent_dim=2, hidden=(32,), epochs=60, batch_size=50, random_state=0).fit(x[:300])
    return atlas, x[300:]


def test_refined_codes_are_other_codes_of_the_same_rows(fitted):
    atlas, x = fitted
    loc, scale = atlas.encode(x[:20])
    refined_loc, refined_scale = atlas.encode(x[:20], refine=True)
    assert refined_loc.shape == loc.shape
    assert refined_scale.shape == scale.shape
    assert 0 < np.abs(refined_loc - loc).max() < 1.0
    assert np.array_equal(refined_loc, atlas.encode(x[:20], refine=True)[0])


def test_the_gap_is_split_and_sums(fitted):
    atlas, x = fitted
    found = atlas.gap(x[:30], num_samples=200).to_dict()
    parts = found["approximation"]["value"] + found["amortization"]["value"]
    assert found["total"]["value"] == pytest.approx(parts, abs=1e-4)
    assert found["num_examples"] == 30


def test_a_diagnosis_says_whether_the_fit_is_healthy(fitted):
    atlas, x = fitted
    found = atlas.diagnose(x).to_dict()
    assert set(found) == {"findings", "healthy"}
    assert "overfitting" not in {finding.name for finding in atlas.diagnose(x, train=x).findings}
