"""What a page is given: results as data, with no model and no estimator among them."""

from latlas.report.data._data import LatentMap as LatentMap
from latlas.report.data._data import Measures as Measures
from latlas.report.data._data import ReportData as ReportData
from latlas.report.data._data import RunDetails as RunDetails
from latlas.report.data._items import Items as Items
from latlas.report.data._items import kind_of as kind_of
from latlas.report.data._items import positions as positions
from latlas.report.data._posterior import BayesReportData as BayesReportData
from latlas.report.data._scores import Scores as Scores
