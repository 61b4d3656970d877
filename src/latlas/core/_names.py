"""Names that users choose from."""

import difflib
from collections.abc import Iterable
from typing import Any

from latlas.core._errors import RequestError


def checked_name(what: str, name: Any, names: Iterable[str], *, or_else: str = "") -> str:
    """The name, if it is one of those.

    Args:
        what: what is named, for the message.
        name: what the user gave.
        names: all that there are.
        or_else: what may be given in place of a name, for the message.

    Raises:
        RequestError: with the nearest name and all of them.

    >>> checked_name("network", "mpl", ("mlp", "conv"))
    Traceback (most recent call last):
    latlas.core._errors.RequestError: There is no network 'mpl'; did you mean 'mlp'? Choose one of mlp, conv.
    """
    names = list(names)
    if name in names:
        return name
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    other = f", or {or_else}" if or_else else ""
    raise RequestError(f"There is no {what} {name!r}{hint} Choose one of {', '.join(names)}{other}.")
