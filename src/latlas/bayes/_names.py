"""The names by which users call engines and families; every other place takes objects."""

from latlas.bayes._approximation import AbstractFamily
from latlas.bayes._engine import AbstractEngine
from latlas.bayes._engine_advi import Advi
from latlas.bayes._engine_batch_and_match import BatchAndMatch
from latlas.bayes._engine_dadvi import DeterministicAdvi
from latlas.bayes._engine_inclusive import Inclusive
from latlas.bayes._engine_laplace import Laplace
from latlas.bayes._engine_natural import NaturalGradient
from latlas.bayes._engine_nuts import Nuts
from latlas.bayes._engine_renyi import Renyi
from latlas.bayes._family_block import Block
from latlas.bayes._family_flow import Flow
from latlas.bayes._family_gaussian import FullRank, MeanField
from latlas.bayes._family_low_rank import LowRank
from latlas.bayes._family_mixture import Mixture
from latlas.bayes._family_structured import Structured
from latlas.core import RequestError

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
    if name not in table:
        raise RequestError(f"{what} is {name!r}; known are {', '.join(table)}, or an object of your own.")
    return table[name]()
