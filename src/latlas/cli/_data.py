"""DATA as a verb reads it: for a new fit, or by the names and the roles that the columns had when a run was fitted."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from latlas.cli._columns import Columns
from latlas.cli._progress import bytes_read
from latlas.data import Table, read
from latlas.estimators import Atlas


def read_table(path: Path, columns: Columns, resumed: dict[str, Any] | None = None) -> Table:
    """The table in a file, its columns as the user says.

    Args:
        path: of the file.
        columns: what the user says of them.
        resumed: the configuration of a run that is gone on with: its columns are taken again.

    Raises:
        DataError: if it cannot be read.
    """
    config = resumed or {}
    return _read_as_fitted(path, columns, config.get("feature_names"), config.get("data", {}))


def read_for(atlas: Atlas, path: Path, columns: Columns) -> Table:
    """The table in a file, its columns in the order of the fit.

    Raises:
        DataError: if it cannot be read, has holes, or has other columns than those of the fit.
    """
    names = getattr(atlas, "feature_names_in_", None)
    table = _read_as_fitted(
        path, columns, None if names is None else [str(name) for name in names], atlas.record_.data
    )
    return atlas.checked_table(table)


def _read_as_fitted(
    path: Path, columns: Columns, names: Sequence[str] | None, fitted: Mapping[str, Any]
) -> Table:
    """The table, with the columns and their roles that a fit had as far as there was one."""
    beside = (fitted.get("label"), fitted.get("index"))
    with bytes_read("read") as told:
        return read(path, fitted=names, beside=beside, progress=told, **columns.options())
