"""How well single examples are explained: log p(x) of each, of what the model makes up, and the worst of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_WORST = 10
EXTREME = 0.005  # of what the model makes up scores lower by chance


@dataclass(frozen=True, eq=False)
class Scores:
    """Log p(x) of single examples, in nats.

    Attributes:
        log_p: of each example that was scored, `(n,)`.
        rows: which examples these are, counted from 0, `(n,)`.
        of_samples: log p(x) of examples that the model made up, `(m,)`; None where it was not measured.
        worst: the examples with the lowest log_p, the lowest first, at most ten, `(k, *shape)`.
        rebuilt: what the model makes of those, `(k, *shape)`.
        names: of those rows, where they have names; else None.
        total: how many examples there are, scored or not.

    Raises:
        ValueError: if sizes disagree.
    """

    log_p: np.ndarray
    rows: np.ndarray
    of_samples: np.ndarray | None = None
    worst: np.ndarray | None = None
    rebuilt: np.ndarray | None = None
    names: Sequence[Any] | None = None
    total: int = 0

    def __post_init__(self) -> None:
        if np.shape(self.log_p) != np.shape(self.rows):
            raise ValueError(
                f"There are {len(self.log_p)} scores of {len(self.rows)} rows; give one of each."
            )

    @property
    def order(self) -> np.ndarray:
        """Positions of the worst in `log_p`, the lowest first: what is no number is the worst of all."""
        return np.argsort(np.nan_to_num(self.log_p, nan=-np.inf), kind="stable")[:MOST_WORST]

    @property
    def share_below(self) -> np.ndarray | None:
        """Share of the made-up examples that score lower than each, `(n,)`: near 0 for what the model has not learned."""
        if self.of_samples is None or not len(self.of_samples):
            return None
        return np.searchsorted(np.sort(self.of_samples), self.log_p) / len(self.of_samples)
