"""What a page is given: results as data, with no model and no estimator among them."""

from latlas.report.data._data import ReportData as ReportData
from latlas.report.data._data import kind_of as kind_of
from latlas.report.data._flat_images import flat_image_shape as flat_image_shape
from latlas.report.data._posterior import BayesReportData as BayesReportData
