"""scikit-learn's face of latlas: `fit`, `transform`, `sample`, `score`, names instead of objects, runs on the disk."""

from latlas.estimators._atlas import Atlas as Atlas
from latlas.estimators._atlas import load as load
from latlas.estimators._build import ModelSpec as ModelSpec
from latlas.estimators._build import build_model as build_model
from latlas.estimators._record import read_config as read_config
from latlas.estimators._report import is_of_fit as is_of_fit
from latlas.estimators._report import report_data as report_data
from latlas.estimators._resolve import LIKELIHOODS as LIKELIHOODS
from latlas.estimators._resolve import NETWORKS as NETWORKS
from latlas.estimators.path import BetaPath as BetaPath
from latlas.estimators.path import run_name as run_name
