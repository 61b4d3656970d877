"""Names that options take, so that a wrong one is refused, and help lists them, before JAX is loaded.

The tables that know what they mean take seconds to load; a test holds both against each other.
"""

from typing import Literal

Likelihood = Literal[
    "auto",
    "bernoulli",
    "continuous_bernoulli",
    "gaussian",
    "laplace",
    "student_t",
    "poisson",
    "categorical",
    "discretised_logistic",
]
Engine = Literal[
    "auto",
    "laplace",
    "dadvi",
    "advi",
    "natural-gradient",
    "batch-and-match",
    "pathfinder",
    "inclusive",
    "renyi",
    "svgd",
    "nuts",
]
Family = Literal["mean-field", "full-rank", "low-rank", "block", "structured", "mixture", "flow"]
