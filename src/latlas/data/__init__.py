"""Files to arrays, and arrays to what a likelihood can score: readers, what kind of data it is, and its units.

No function here calls JAX, and no reader executes anything that a file says.
"""

from latlas.data._blocks import moments as moments
from latlas.data._digits import digits as digits
from latlas.data._rows import Rows as Rows
from latlas.data._table import Table as Table
from latlas.data._table import fingerprint as fingerprint
from latlas.data.formats import read as read
from latlas.data.formats import read_named as read_named
from latlas.data.formats import suffixes as suffixes
from latlas.data.formats import write as write
from latlas.data.kinds import AbstractUnits as AbstractUnits
from latlas.data.kinds import AsGiven as AsGiven
from latlas.data.kinds import Choice as Choice
from latlas.data.kinds import Levels as Levels
from latlas.data.kinds import Standardised as Standardised
from latlas.data.kinds import Summary as Summary
from latlas.data.kinds import choose_likelihood as choose_likelihood
from latlas.data.kinds import doubts as doubts
from latlas.data.kinds import flat_image_shape as flat_image_shape
from latlas.data.kinds import summarise as summarise
from latlas.data.kinds import units_from as units_from
