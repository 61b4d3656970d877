"""The names by which users call engines and families; every other place takes objects."""

from latlas.bayes.engines._advi import Advi
from latlas.bayes.engines._batch_and_match import BatchAndMatch
from latlas.bayes.engines._dadvi import DeterministicAdvi
from latlas.bayes.engines._engine import AbstractEngine
from latlas.bayes.engines._inclusive import Inclusive
from latlas.bayes.engines._laplace import Laplace
from latlas.bayes.engines._natural import NaturalGradient
from latlas.bayes.engines._nuts import Nuts
from latlas.bayes.engines._pathfinder import Pathfinder
from latlas.bayes.engines._renyi import Renyi
from latlas.bayes.engines._svgd import Svgd
from latlas.core import checked_name
from latlas.distributions.families import (
    AbstractFamily,
    Block,
    Flow,
    FullRank,
    LowRank,
    MeanField,
    Mixture,
    Structured,
)

FAMILIES: dict[str, type[AbstractFamily]] = {
    "mean-field": MeanField,
    "full-rank": FullRank,
    "low-rank": LowRank,
    "block": Block,
    "structured": Structured,
    "mixture": Mixture,
    "flow": Flow,
}
ENGINES: dict[str, type[AbstractEngine]] = {
    "laplace": Laplace,
    "batch-and-match": BatchAndMatch,
    "dadvi": DeterministicAdvi,
    "natural-gradient": NaturalGradient,
    "advi": Advi,
    "inclusive": Inclusive,
    "renyi": Renyi,
    "nuts": Nuts,
    "pathfinder": Pathfinder,
    "svgd": Svgd,
}


def family_named(family: str | AbstractFamily) -> AbstractFamily:
    """The family of that name with its defaults; a family itself passes through.

    Raises:
        RequestError: for a name that is none.
    """
    return family if isinstance(family, AbstractFamily) else _named("family", family, FAMILIES)


def engine_named(engine: str | AbstractEngine) -> AbstractEngine:
    """The engine of that name with its defaults; an engine itself passes through.

    Raises:
        RequestError: for a name that is none.
    """
    return engine if isinstance(engine, AbstractEngine) else _named("engine", engine, ENGINES)


def _named(what, name, table):
    return table[checked_name(what, name, table, or_else="an object of your own")]()
