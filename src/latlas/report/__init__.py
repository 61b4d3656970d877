"""What a run found, for people: figures, and one HTML page that opens from disk.

Pages are made of plain arrays (`ReportData`, `BayesReportData`), so that whatever makes such arrays can be reported;
only `collect_bayes` and `save_faces` ask a fit for them.
It is the only one that imports matplotlib, and its names are attached when they are first used: who draws nothing waits
for no matplotlib.
"""

from latlas._lazy import attach_stub

__getattr__, __dir__ = attach_stub(__name__, __file__)
