"""The page of a Bayesian fit: its tables and what they say in words."""

from latlas.report.posterior._collect import collect_bayes as collect_bayes
from latlas.report.posterior._page import render_bayes as render_bayes
from latlas.report.posterior._page import save_bayes_report as save_bayes_report
from latlas.report.posterior._predictive import predictive_checks as predictive_checks
