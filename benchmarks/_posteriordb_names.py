"""The twelve posteriors and where they lie. Standard library only: a timed process reads this file."""

import os
from pathlib import Path

FOLDER = Path(os.environ.get("LATLAS_DATA", "data")) / "posteriordb"
# easy ones first, funnels and the Gaussian process last
POSTERIORS = {
    "gauss_mix": "low_dim_gauss_mix-low_dim_gauss_mix",
    "garch": "garch-garch11",
    "ar5": "arK-arK",
    "hmm": "hmm_example-hmm_example",
    "nes1980": "nes1980-nes",
    "mesquite": "mesquite-logmesquite_logvash",
    "kidiq": "kidiq-kidscore_interaction",
    "earnings": "earnings-earn_height",
    "diamonds": "diamonds-diamonds",
    "schools_noncentered": "eight_schools-eight_schools_noncentered",
    "schools_centered": "eight_schools-eight_schools_centered",
    "gp_poisson": "gp_pois_regr-gp_pois_regr",
}
