"""What a mask hides is no data, whichever function it is given to."""

import numpy as np
import pytest

from latlas.core import DataError
from latlas.data import choose_likelihood, doubts, summarise, write

X = np.ma.masked_equal(np.array([[1.0, 2.5], [-999.0, 0.5], [2.0, 3.0]]), -999.0)


@pytest.mark.parametrize(
    "take",
    [
        summarise,
        choose_likelihood,
        lambda x: doubts(x, "gaussian"),
        lambda x: doubts(x, "poisson"),
        lambda x: write("x.npy", x=x),
        lambda x: write("x.npz", x=x, y=np.ones(3)),
    ],
)
def test_masked_entries_are_refused(take, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="mask 1 entries, which would be read as numbers: fill them"):
        take(X)
    assert not list(tmp_path.iterdir())
