"""Whether to believe a fit: weights, chains, checks, and the sentence they end in."""

from latlas.bayes.verdict._assess import Diagnostics as Diagnostics
from latlas.bayes.verdict._importance import ImportanceDraws as ImportanceDraws
from latlas.bayes.verdict._importance import importance_draws as importance_draws
from latlas.bayes.verdict._posterior import Posterior as Posterior
from latlas.bayes.verdict._verdict import Check as Check
from latlas.bayes.verdict._verdict import Verdict as Verdict
from latlas.bayes.verdict._verdict import judge as judge
