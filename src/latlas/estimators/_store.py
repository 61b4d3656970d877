"""A fitted `Atlas` from the disk."""

import os

import numpy as np

from latlas.core import CorruptFileError, RunDirectory
from latlas.estimators._atlas import Atlas
from latlas.estimators._record import read_record


def load(path: str | os.PathLike | RunDirectory) -> Atlas:
    """The fitted `Atlas` in a run directory; nothing that stands there is executed.

    Args:
        path: what `Atlas.save`, `Atlas.fit(run=...)` or `latlas fit` wrote.

    Raises:
        RequestError: if there is no run, or it has no model yet.
        CorruptFileError: if a file is damaged.
    """
    run = path if isinstance(path, RunDirectory) else RunDirectory.open(path)
    record = read_record(run)
    config = run.config
    try:
        parameters = dict(config["parameters"])
        if parameters["hidden"] is not None:
            parameters["hidden"] = tuple(parameters["hidden"])
        atlas = Atlas(**parameters)
        names = config["feature_names"]
    except (KeyError, TypeError) as error:
        raise CorruptFileError(
            f"{run.path}/config.json does not describe an Atlas ({error}): restore it from a copy, or fit again."
        ) from error
    atlas.n_features_in_ = int(np.prod(record.spec.item_shape))
    if names is not None:
        atlas.feature_names_in_ = np.array(names, dtype=object)
    atlas._adopt(record, record.spec.item_shape)
    return atlas
