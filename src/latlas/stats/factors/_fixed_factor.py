"""Draws of examples that share the value of one factor, from given rows."""

from collections.abc import Iterator

import numpy as np

from latlas.stats.factors._labelled_codes import LabelledCodes

AT_ONCE = 500  # draws held in memory together


class FixedFactorDraws:
    """Rows sorted by each factor, so that rows of one value lie together and are drawn without a search."""

    def __init__(self, data: LabelledCodes, fewest: int, purpose: str):
        """Sorts the rows.

        Args:
            data: codes and factors.
            fewest: rows that every value of every factor must have.
            purpose: what they are needed for, to be told.

        Raises:
            ValueError: if a value has fewer rows.
        """
        self.data = data
        self.order = np.argsort(data.levels, axis=0, kind="stable")
        counts = [np.bincount(column) for column in data.levels.T]
        for factor, count in enumerate(counts):
            if count.min() < fewest:
                raise ValueError(
                    f"A value of factor {factor} occurs in {count.min()} rows, and {purpose} needs {fewest} "
                    "rows of every value. Give more rows or a smaller batch, or merge rare values."
                )
        width = max(data.num_levels)
        self.counts = np.stack([np.pad(count, (0, width - len(count))) for count in counts])
        self.starts = np.cumsum(self.counts, axis=1) - self.counts
        self.ranks = np.argsort(self.order, axis=0, kind="stable")

    def factors(self, random: np.random.Generator, num: int) -> Iterator[np.ndarray]:
        """The factors to be fixed, uniform, in handfuls."""
        drawn = random.integers(self.data.num_factors, size=num)
        yield from np.split(drawn, range(AT_ONCE, num, AT_ONCE))

    def batches(self, random: np.random.Generator, factors: np.ndarray, batch_size: int) -> np.ndarray:
        """Rows `(draws, batch_size)`, with replacement: those of draw i share the value of `factors[i]`."""
        first = random.integers(len(self.order), size=len(factors))
        levels = self.data.levels[first, factors]
        count, start = self.counts[factors, levels][:, None], self.starts[factors, levels][:, None]
        place = start + (random.random((len(factors), batch_size)) * count).astype(int)
        return self.order[place, factors[:, None]]

    def pairs(
        self, random: np.random.Generator, factors: np.ndarray, batch_size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows `(draws, batch_size)` twice: those at one place differ and share the value of `factors[i]`."""
        factors = factors[:, None]
        first = random.integers(len(self.order), size=(len(factors), batch_size))
        levels = self.data.levels[first, factors]
        count, start = self.counts[factors, levels], self.starts[factors, levels]
        shift = 1 + (random.random(first.shape) * (count - 1)).astype(int)
        place = start + (self.ranks[first, factors] - start + shift) % count
        return first, self.order[place, factors]
