"""What speaks against a likelihood for the data at hand, in sentences that a user can act on."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Shaped

from latlas.core import refuse_masked
from latlas.data._blocks import column_blocks

DENSITIES = ("gaussian", "laplace", "student_t", "continuous_bernoulli")

# a column of so few distinct values, each of them often, holds levels and not measurements
_MOST_LEVELS, _ROWS_A_LEVEL = 20, 4
# distance from the median, in interquartile ranges: normal data stay within 4, exponential ones within 15
_FAR = 25.0
# cells that are outliers rather than a tail
_FEW_CELLS = 3
# of fewer values the interquartile range says little
_FEWEST_OTHERS = 20
# rows that are looked at, and columns named in a sentence
_MOST_ROWS, _NAMED = 10_000, 5


def doubts(
    x: Shaped[np.ndarray, "examples ..."], likelihood: str, names: Sequence[str] | None = None
) -> list[str]:
    """What is likely to go wrong with this likelihood, a sentence each; empty where nothing was seen.

    A density has no largest value where a column holds few distinct ones: its log-likelihood grows without end as its
    scale shrinks onto them. A Gaussian follows its farthest values.

    Args:
        x: finite data.
        likelihood: its name, as `Atlas(likelihood=...)` takes it.
        names: of the columns, or `None`.

    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> doubts(x, "gaussian"), len(doubts(np.round(x), "gaussian"))
    ([], 1)

    Raises:
        DataError: if a mask hides entries of them.
    """
    refuse_masked(x)
    if likelihood not in DENSITIES:
        return []
    flat = np.asarray(x).reshape(len(x), -1)
    found = [_few_levels(flat, likelihood, names), _mostly_one_value(flat, likelihood, names)]
    if likelihood == "gaussian":
        found.append(_far_values(flat, names))
    return [sentence for sentence in found if sentence]


def _few_levels(x: np.ndarray, likelihood: str, names: Sequence[str] | None) -> str:
    rows = x[:: max(1, len(x) // _MOST_ROWS)]
    ordered = np.sort(rows, axis=0)
    levels = 1 + (np.diff(ordered, axis=0) != 0).sum(axis=0)
    few = np.flatnonzero(levels <= min(_MOST_LEVELS, len(rows) // _ROWS_A_LEVEL)).tolist()
    if not few:
        return ""
    named = _listed([f"{_name(i, names)} ({levels[i]} values)" for i in few])
    way = (
        "ask for bernoulli, categorical or discretised_logistic, which give probabilities"
        if len(few) == x.shape[1]
        else "fit these columns by themselves with bernoulli, categorical or discretised_logistic, or leave them out"
    )
    return (
        f"{_count(len(few), x.shape[1])} few distinct values: {named}. {likelihood} is a density, "
        f"which grows without end there: do not compare its scores with probabilities, and {way}."
    )


def _mostly_one_value(x: np.ndarray, likelihood: str, names: Sequence[str] | None) -> str:
    rows = x[:: max(1, len(x) // _MOST_ROWS)]
    found = []
    for columns in column_blocks(rows):
        ordered = np.sort(rows[:, columns], axis=0)
        # a value that more than half the rows hold is the middle one of the sorted
        share = (ordered == ordered[len(rows) // 2]).mean(axis=0)
        levels = 1 + (np.diff(ordered, axis=0) != 0).sum(axis=0)
        spread = levels > min(_MOST_LEVELS, len(rows) // _ROWS_A_LEVEL)  # fewer are told of already
        found += [
            f"{_name(columns.start + i, names)} ({100 * share[i]:.0f} % are {ordered[len(rows) // 2, i]:.4g})"
            for i in np.flatnonzero((share > 0.5) & spread).tolist()
        ]
    if not found:
        return ""
    return (
        f"{_count(len(found), x.shape[1])} one value in most rows: {_listed(found)}. {likelihood} is a density, which "
        "grows without end at that value and gives it to no sample: leave these columns out, or fit them by themselves as "
        "whether they hold that value, with bernoulli."
    )


def _far_values(x: np.ndarray, names: Sequence[str] | None) -> str:
    farthest, count, cells = np.zeros(x.shape[1]), 0, []
    for columns in column_blocks(x):
        relative = _distances(x[:, columns])
        farthest[columns] = relative.max(axis=0)
        far = relative > _FAR
        count += int(far.sum())
        if count <= _FEW_CELLS:
            cells += [(row, columns.start + i) for row, i in np.argwhere(far).tolist()]
    if not count:
        return ""
    columns = np.flatnonzero(farthest > _FAR).tolist()
    if count <= _FEW_CELLS:
        cells = [
            f"{x[row, column]:.4g} in row {row}, column {_name(column, names)}"
            for row, column in sorted(cells)
        ]
        lie = "lies" if len(cells) == 1 else "lie"
        return (
            f"{', '.join(cells)} (rows counted from 0) {lie} more than {_FAR:g} interquartile ranges from the median, and "
            "gaussian would follow it: look at it, leave that row out, or ask for student_t."
        )
    named = _listed([_name(i, names) for i in columns])
    positive = bool((x.min(axis=0)[columns] > 0).all())
    way = "take their logarithms, or ask for student_t" if positive else "ask for student_t"
    return (
        f"{_count(len(columns), x.shape[1])} tails too heavy for gaussian: {named}, "
        f"up to {farthest.max():.3g} interquartile ranges from the median. Its samples will be too wide: {way}."
    )


def _distances(x: np.ndarray) -> np.ndarray:
    """How far each entry lies from its column's median, in interquartile ranges: of the other values where half are one."""
    low, middle, high = np.percentile(x, [25, 50, 75], axis=0)
    for i in np.flatnonzero(high <= low).tolist():
        others = x[x[:, i] != middle[i], i]
        if len(others) >= _FEWEST_OTHERS:
            low[i], high[i] = np.percentile(others, [25, 75])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(high > low, np.abs(x - middle) / (high - low), 0.0)


def _count(few: int, total: int) -> str:
    verb = "holds" if few == 1 else "hold"
    return f"{few} of {total} columns {verb}"


def _name(i: int, names: Sequence[str] | None) -> str:
    return str(i) if names is None else repr(str(names[i]))


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:_NAMED]) + (", ..." if len(words) > _NAMED else "")
