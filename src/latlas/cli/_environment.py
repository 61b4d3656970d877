"""What the environment sets for the libraries that latlas stands on, and what to say where one of them refuses it.

Nothing here may import JAX.
"""

import os
import re

_PREFIXES = ("JAX_", "XLA_", "EQX_", "JAXTYPING_", "NUMPYRO_", "MPL")
# they choose a device or a folder, and `_session` says what is wrong with those
_PLACES = ("JAX_PLATFORMS", "JAX_COMPILATION_CACHE_DIR")


def settings() -> dict[str, str]:
    """The variables that change what those libraries do."""
    return {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES)}


def suspects(error: BaseException) -> list[str]:
    """The names of those that an error of JAX can come from, whatever it says: a guard that is set, a check of NaN."""
    ours = not isinstance(error, (RuntimeError, FloatingPointError)) and not type(
        error
    ).__module__.startswith("jax")
    return [] if ours else sorted(name for name in settings() if name not in _PLACES)


def refused(error: BaseException) -> str | None:
    """What is wrong with a variable that a library refused while it was loaded; `None` where the error is about none.

    Libraries name the variable, or only its value in quotes.
    """
    text = " ".join(str(error).split())
    given = settings() if isinstance(error, ValueError) else {}
    named = [name for name in given if re.search(rf"\b{name}\b", text, re.IGNORECASE)]
    quoted = [name for name, value in given.items() if f"'{value}'" in text or f'"{value}"' in text]
    name = next(iter(named or quoted), None)
    if name is None:
        return None
    accepted = _accepted(error, text)
    expected = f"; expected {accepted}" if accepted else f" and was refused ({text.rstrip('.')})"
    return f"{name} is {given[name][:80]!r} in the environment{expected}. Unset it, or correct it."


def _accepted(error: BaseException, text: str) -> str | None:
    """What the variable may hold, as far as the error tells."""
    if "truth value" in text:
        return "1, true, yes or on, or 0, false, no or off"
    cause = str(error.__context__)
    if "invalid literal for int()" in f"{text} {cause}":
        return "a whole number"
    if "could not convert string to float" in f"{text} {cause}":
        return "a number"
    if listed := re.search(r"supported values are \[(.*)\]", text):  # Matplotlib's
        return f"one of {listed[1]}"
    return _choices(error)


def _choices(error: BaseException) -> str | None:
    """JAX does not say which words it accepts; the function that refuses one knows them."""
    trace, known = error.__traceback__, {}
    while trace is not None:
        trace, known = trace.tb_next, trace.tb_frame.f_locals
    words = known.get("enum_values") or getattr(known.get("enum_class"), "__members__", None)
    return f"one of {', '.join(map(repr, words))}" if words else None
