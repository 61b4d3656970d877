"""What kind of numbers the data are, which likelihood suits them, and the units a model sees them in."""

from latlas.data.kinds._choice import Choice as Choice
from latlas.data.kinds._choice import choose_likelihood as choose_likelihood
from latlas.data.kinds._doubts import doubts as doubts
from latlas.data.kinds._flat_images import flat_image_shape as flat_image_shape
from latlas.data.kinds._summary import Grid as Grid
from latlas.data.kinds._summary import Summary as Summary
from latlas.data.kinds._summary import summarise as summarise
from latlas.data.kinds._units import AbstractUnits as AbstractUnits
from latlas.data.kinds._units import AsGiven as AsGiven
from latlas.data.kinds._units import Levels as Levels
from latlas.data.kinds._units import Standardised as Standardised
from latlas.data.kinds._units import units_from as units_from
