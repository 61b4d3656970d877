"""Files to arrays, and arrays to what a likelihood can score: readers, what kind of data it is, and its units.

Nothing here needs JAX, and no reader executes anything that a file says.
"""

from latlas.data._choice import Choice as Choice
from latlas.data._choice import choose_likelihood as choose_likelihood
from latlas.data._digits import digits as digits
from latlas.data._named import read_named as read_named
from latlas.data._read import read as read
from latlas.data._read import suffixes as suffixes
from latlas.data._summary import Summary as Summary
from latlas.data._summary import summarise as summarise
from latlas.data._table import Table as Table
from latlas.data._table import fingerprint as fingerprint
from latlas.data._units import AbstractUnits as AbstractUnits
from latlas.data._units import AsGiven as AsGiven
from latlas.data._units import Levels as Levels
from latlas.data._units import Standardised as Standardised
from latlas.data._units import units_from as units_from
from latlas.data._write import write as write
