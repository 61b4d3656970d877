"""What a run found, for people: figures, and one HTML page that opens from disk.

The layer sees plain arrays (`ReportData`), never a model, so that whatever makes such arrays can be reported.
It is the only one that imports matplotlib; nothing below it does.
"""

from latlas.report._bayes_data import BayesReportData as BayesReportData
from latlas.report._bayes_data import collect_bayes as collect_bayes
from latlas.report._bayes_page import render_bayes as render_bayes
from latlas.report._bayes_page import save_bayes_report as save_bayes_report
from latlas.report._collect import collect as collect
from latlas.report._data import ReportData as ReportData
from latlas.report._figures_bracket import bracket_figure as bracket_figure
from latlas.report._figures_calibration import calibration_figure as calibration_figure
from latlas.report._figures_calibration import save_calibration as save_calibration
from latlas.report._figures_curve import pruning_figure as pruning_figure
from latlas.report._figures_curve import rate_distortion_figure as rate_distortion_figure
from latlas.report._figures_evidence import evidence_figure as evidence_figure
from latlas.report._figures_evidence import kl_figure as kl_figure
from latlas.report._figures_faces import save_faces as save_faces
from latlas.report._figures_gap import gap_figure as gap_figure
from latlas.report._figures_items import interpolation_figure as interpolation_figure
from latlas.report._figures_items import prototype_figure as prototype_figure
from latlas.report._figures_items import reconstructions_figure as reconstructions_figure
from latlas.report._figures_items import samples_figure as samples_figure
from latlas.report._figures_latent import latent_map_figure as latent_map_figure
from latlas.report._figures_training import training_figure as training_figure
from latlas.report._figures_traversal import save_traversals as save_traversals
from latlas.report._figures_traversal import traversal_figure as traversal_figure
from latlas.report._image_grid import save_image_grid as save_image_grid
from latlas.report._page import render as render
from latlas.report._save_curve import save_rate_distortion as save_rate_distortion
from latlas.report._theme import DARK as DARK
from latlas.report._theme import LIGHT as LIGHT
from latlas.report._theme import Theme as Theme
