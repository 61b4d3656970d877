"""One atlas per price of information, fitted side by side as one program."""

from latlas.estimators.path._beta_path import BetaPath as BetaPath
from latlas.estimators.path._store import run_name as run_name
