"""What the user says of the columns of DATA: options that every verb which reads a table has."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are what.

    Attributes:
        columns: names of those to fit, with commas between, or their numbers from 0 where there are no names; by default
            all that are left.
        label: column of labels, or `none`; by default one called label, labels, class, target, or y without an x or z.
        index: column that names the rows, or `none`; by default a first one that has no name or counts the rows.
        names: whether the first line holds the names of the columns; by default told by what it holds.
    """

    columns: str | None = None
    label: str = "auto"
    index: str = "auto"
    names: Literal["auto", "yes", "no"] = "auto"

    def options(self) -> dict[str, Any]:
        """As `data.read` takes them."""
        names = {"auto": None, "yes": True, "no": False}[self.names]
        columns = None if self.columns is None else [name.strip() for name in self.columns.split(",")]
        return {"columns": columns, "label": self.label, "index": self.index, "names": names}
