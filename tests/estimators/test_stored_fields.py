"""A run whose config.json was written by somebody else, field by field: loaded or refused, never another error."""

import copy
import json

import numpy as np
import pytest

import latlas
from latlas import Atlas
from latlas.core import LatlasError
from latlas.core.storage._json import SEAL, seal

VALUES = [None, True, 3, -1, 0, 2.5, "x", [], {}, 1e300, [1], {"a": 1}, 2**62, "", [[1]]]


def places(value, path=()):
    yield path
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    )
    for name, entry in entries:
        yield from places(entry, (*path, name))


def with_entry(value, path, entry):
    value = copy.deepcopy(value)
    inner = value
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = entry
    return value


def loaded(path):
    """The error's words where it is refused; `None` where it is loaded."""
    try:
        latlas.load(path)
    except LatlasError as error:
        return str(error)
    return None


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", ["gaussian", "discretised_logistic", "poisson"])
def test_any_value_in_any_field_is_loaded_or_refused(tmp_path, likelihood):
    x = np.random.default_rng(0).integers(0, 4, (60, 3)) / (1 if likelihood == "poisson" else 3)
    Atlas(likelihood=likelihood, latent_dim=2, hidden=(4,), epochs=1).fit(x, run=tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    stored = json.loads(path.read_bytes())
    del stored["sha256"]
    refused = []
    for place in places(stored["config"]):
        for value in VALUES if place else ():
            body = json.dumps(stored | {"config": with_entry(stored["config"], place, value)})
            path.write_bytes(seal(body.encode()[:-1], SEAL))
            refused.append(loaded(tmp_path / "run"))
    assert sum(words is not None for words in refused) > 200
