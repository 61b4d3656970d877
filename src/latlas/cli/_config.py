"""Options from a TOML file: flags stand above the environment, the environment above the file, the file above defaults."""

import difflib
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import App
from cyclopts.config import Dict, Env

_FLAG = "--config"
# options of `latlas fit` that a run keeps under the same name
_STORED = (
    "likelihood", "levels", "latent_dim", "epochs", "batch_size", "beta", "warm_up", "learning_rate", "network", "hidden",
    "validation_fraction", "patience", "max_error", "cure", "precision",
)  # fmt: skip


class ConfigError(ValueError):
    """The configuration file cannot be used."""


def configure(app: App, tokens: Sequence[str]) -> list[str]:
    """Sets the sources of options of the app and returns the tokens without `--config FILE`.

    The file holds options by name, at its top (`epochs = 50`) or in a table named by the verb (`[fit]`); tables of other
    verbs are left alone, so that one file can serve several.

    Raises:
        ConfigError: if the file cannot be read or names an option that the verb does not have.
    """
    rest, path = _without_config(tokens)
    sources: list[Any] = [Env("LATLAS_")]
    verbs = [name for name in app if not name.startswith("-")]
    verb = next((token for token in rest if token in verbs), None)
    if path is not None:
        if verb is None:
            raise ConfigError(f"{_FLAG} needs a verb to configure: one of {', '.join(sorted(verbs))}")
        sources.append(Dict({verb: _options(app, verb, verbs, path)}, source=str(path)))
    if verb == "fit" and "--resume" in rest:
        sources.append(Dict({verb: begun_with(_value(rest, "--out"))}, source="the run"))
    app.config = sources
    return rest


def begun_with(out: str | None) -> dict[str, Any]:
    """The options of `latlas fit` that the run in this folder was begun with; none where there is no run.

    What is wrong with a run is said by who opens it.
    """
    try:
        stored = json.loads((Path(out or "") / "config.json").read_text("utf-8"))["config"]["parameters"]
        options = {name: stored[name] for name in _STORED if stored.get(name) is not None}
        never = {"patience": 0} if stored["patience"] is None else {}
        return options | never | {"seed": stored["random_state"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _value(tokens: Sequence[str], option: str) -> str | None:
    """What is given for an option, as the next token or behind an equals sign."""
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token == option:
            return following
        if token.startswith(f"{option}="):
            return token.removeprefix(f"{option}=")
    return None


def _without_config(tokens: Sequence[str]) -> tuple[list[str], Path | None]:
    rest, path, given = [], None, iter(tokens)
    for token in given:
        if token == "--":
            return [*rest, token, *given], path
        if token == _FLAG:
            value = next(given, None)
            if value is None:
                raise ConfigError(f"{_FLAG} needs the path of a TOML file")
            path = Path(value)
        elif token.startswith(_FLAG + "="):
            path = Path(token.removeprefix(_FLAG + "="))
        else:
            rest.append(token)
    return rest, path


def _options(app: App, verb: str, verbs: Sequence[str], path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"The configuration file {path} cannot be read ({error.strerror})") from error
    except ValueError as error:  # also UnicodeDecodeError
        raise ConfigError(f"The configuration file {path} is not valid TOML ({error})") from error
    table = document.get(verb, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [{verb}] must be a table of options, and is a {type(table).__name__}")
    options = {name: value for name, value in document.items() if name not in verbs} | table
    known = _names(app, verb)
    for name in options:
        if name.replace("_", "-") not in known:
            near = difflib.get_close_matches(name.replace("_", "-"), known, 1, 0.0)
            raise ConfigError(
                f"{path}: `latlas {verb}` has no option {name!r}; the nearest is {near[0]!r} (all: {', '.join(known)})"
            )
    return options


def _names(app: App, verb: str) -> list[str]:
    arguments = app[verb].assemble_argument_collection()
    return sorted(
        {
            name.removeprefix("--")
            for argument in arguments
            for name in argument.names
            if name.startswith("--")
        }
    )
