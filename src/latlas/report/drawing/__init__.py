"""How a figure looks and is stored: the theme, text, and files of pictures."""

from latlas.report.drawing._theme import DARK as DARK
from latlas.report.drawing._theme import LIGHT as LIGHT
from latlas.report.drawing._theme import Theme as Theme
