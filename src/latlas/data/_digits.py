"""scikit-learn's handwritten digits: real scans that are always at hand."""

import lazy_loader
import numpy as np

from latlas.data._table import Table

sklearn = lazy_loader.load("sklearn")  # takes longer to import than JAX


def digits() -> Table:
    """1,797 scanned digits of 8 by 8 pixels, grey levels 0 to 16, with their labels (Alpaydin and Kaynak 1998).

    >>> digits().shape
    (1797, 8, 8)
    """
    bunch = sklearn.datasets.load_digits()
    return Table(bunch.images.astype(np.uint8), bunch.target.astype(np.int64), None, None, "digits")
