"""scikit-learn's own checks, none of them expected to fail."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from latlas import Atlas


@parametrize_with_checks([Atlas(latent_dim=2, hidden=(4,), epochs=2, random_state=0)])
def test_the_estimator_keeps_scikit_learns_contract(estimator, check):
    check(estimator)
