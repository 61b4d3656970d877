"""What a run found, for people: figures, and one HTML page that opens from disk.

The layer sees plain arrays (`ReportData`), never a model, so that whatever makes such arrays can be reported.
It is the only one that imports matplotlib; nothing below it does.
"""

from latlas.report.atlas import render as render
from latlas.report.data import BayesReportData as BayesReportData
from latlas.report.data import Items as Items
from latlas.report.data import LatentMap as LatentMap
from latlas.report.data import Measures as Measures
from latlas.report.data import ReportData as ReportData
from latlas.report.data import RunDetails as RunDetails
from latlas.report.data import collect_bayes as collect_bayes
from latlas.report.drawing import DARK as DARK
from latlas.report.drawing import LIGHT as LIGHT
from latlas.report.drawing import Theme as Theme
from latlas.report.figures import bracket_figure as bracket_figure
from latlas.report.figures import calibration_figure as calibration_figure
from latlas.report.figures import evidence_figure as evidence_figure
from latlas.report.figures import gap_figure as gap_figure
from latlas.report.figures import interpolation_figure as interpolation_figure
from latlas.report.figures import kl_figure as kl_figure
from latlas.report.figures import latent_map_figure as latent_map_figure
from latlas.report.figures import prototype_figure as prototype_figure
from latlas.report.figures import pruning_figure as pruning_figure
from latlas.report.figures import rate_distortion_figure as rate_distortion_figure
from latlas.report.figures import reconstructions_figure as reconstructions_figure
from latlas.report.figures import samples_figure as samples_figure
from latlas.report.figures import save_calibration as save_calibration
from latlas.report.figures import save_faces as save_faces
from latlas.report.figures import save_image_grid as save_image_grid
from latlas.report.figures import save_rate_distortion as save_rate_distortion
from latlas.report.figures import save_traversals as save_traversals
from latlas.report.figures import training_figure as training_figure
from latlas.report.figures import traversal_figure as traversal_figure
from latlas.report.posterior import render_bayes as render_bayes
from latlas.report.posterior import save_bayes_report as save_bayes_report
