"""DATA as a verb reads it: for a new fit, or by the names and the roles that the columns had when a run was fitted."""

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
    fitted = config.get("data", {})
    return _read(
        path,
        columns=config.get("feature_names"),
        beside=(fitted.get("label"), fitted.get("index")),
        **columns.options(),
    )


def read_for(atlas: Atlas, path: Path, columns: Columns) -> Table:
    """The table in a file, its columns in the order of the fit.

    Raises:
        DataError: if it cannot be read, has holes, or has other columns than those of the fit.
    """
    names = getattr(atlas, "feature_names_in_", None)
    fitted = atlas.record_.data
    table = _read(
        path,
        columns=None if names is None else [str(name) for name in names],
        beside=(fitted.get("label"), fitted.get("index")),
        **columns.options(),
    )
    return atlas.checked_table(table)


def _read(path: Path, **options: Any) -> Table:
    with bytes_read("read") as told:
        return read(path, progress=told, **options)
