"""scikit-learn's handwritten digits: real scans that are always at hand."""

import numpy as np
from sklearn.datasets import load_digits

from latlas.data._table import Table


def digits() -> Table:
    """1,797 scanned digits of 8 by 8 pixels, grey levels 0 to 16, with their labels (Alpaydin and Kaynak 1998).

    >>> digits().shape
    (1797, 8, 8)
    """
    bunch = load_digits()
    # scikit-learn's annotations know nothing of the option that would make it a tuple
    images, target = bunch.images, bunch.target  # pyright: ignore[reportAttributeAccessIssue]
    return Table(images.astype(np.uint8), target.astype(np.int64), None, None, "digits")
