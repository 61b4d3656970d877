"""The page of an atlas: its panels, and what they say in words."""

from latlas.report.atlas._page import render as render
