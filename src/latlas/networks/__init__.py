"""Networks: maps of one example that callers `vmap`.

They hold arrays and names only, no functions, so that a network can be kept as arrays and JSON.
"""

from latlas.networks._activations import activation as activation
from latlas.networks._activations import weight_limit as weight_limit
from latlas.networks._bf16_matmul import bf16_matmul as bf16_matmul
from latlas.networks._combinators import Joined as Joined
from latlas.networks._combinators import Of as Of
from latlas.networks._combinators import Parallel as Parallel
from latlas.networks._combinators import Reshaped as Reshaped
from latlas.networks._conv import ConvDecoder as ConvDecoder
from latlas.networks._conv import ConvEncoder as ConvEncoder
from latlas.networks._dense import Dense as Dense
from latlas.networks._init import small_output_init as small_output_init
from latlas.networks._init import with_output_bias as with_output_bias
from latlas.networks._inputs import CentredLevels as CentredLevels
from latlas.networks._inputs import OneHot as OneHot
from latlas.networks._inputs import log_counts as log_counts
from latlas.networks._inputs import values as values
from latlas.networks._inputs import values_and_mask as values_and_mask
from latlas.networks._mlp import MLP as MLP
from latlas.networks._network import AbstractNetwork as AbstractNetwork
from latlas.networks._network import AbstractOutputLayer as AbstractOutputLayer
