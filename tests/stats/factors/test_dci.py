import jax
import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from latlas.stats import dci
from latlas.stats.factors._dci import completeness_of, disentanglement_of

KEY = jax.random.key(0)
DIAGONAL = 5 * np.eye(5)
SHARED = 1 - np.log(2) / np.log(10)
FOREST = RandomForestClassifier(30, min_samples_leaf=5)


@pytest.mark.parametrize(
    ("importance", "disentangled", "complete"),
    [
        (DIAGONAL, 1, 1),
        ([[1, 0], [0, 1], [0, 0]], 1, 1),
        (np.zeros((10, 10)), 0, 0),
        (np.vstack([DIAGONAL, DIAGONAL]), 1, SHARED),
        (DIAGONAL[:2], 1, 1),
        (np.hstack([DIAGONAL, DIAGONAL]), SHARED, 1),
    ],
    ids=["diagonal", "an empty code", "zeros", "every code twice", "missed factors", "two factors a code"],
)
def test_scores_of_a_matrix_are_exact(importance, disentangled, complete):
    importance = np.asarray(importance, float)
    np.testing.assert_allclose(disentanglement_of(importance), disentangled, atol=1e-9)
    np.testing.assert_allclose(completeness_of(importance), complete, atol=1e-9)


def test_rows_weigh_by_their_importance():
    # a row with nine tenths of the importance speaks of one factor, the other of both alike
    np.testing.assert_allclose(disentanglement_of(np.array([[9.0, 0.0], [0.5, 0.5]])), 0.9)


def test_codes_that_are_the_factors_score_one_by_boosted_trees(few_factors):
    scores = dci(KEY, few_factors[:600], few_factors[:600])
    assert min(scores.disentanglement, scores.completeness, scores.informativeness) > 0.95
    assert scores.importance.shape == (4, 4)
    np.testing.assert_allclose(scores.importance, np.eye(4), atol=0.05)


def test_codes_that_hold_everything_twice_are_disentangled_and_not_complete(few_factors):
    codes = np.hstack([few_factors, few_factors])
    scores = dci(KEY, codes, few_factors, classifier=FOREST)
    assert scores.disentanglement > 0.9
    np.testing.assert_allclose(scores.completeness, 1 - np.log(2) / np.log(8), atol=0.1)


@pytest.mark.parametrize("classifier", [None, LogisticRegression()], ids=["trees", "linear"])
def test_codes_of_zeros_score_nothing(few_factors, classifier):
    scores = dci(KEY, np.zeros((200, 4)), few_factors[:200], classifier=classifier)
    assert scores.disentanglement == scores.completeness == 0
    assert scores.informativeness < 0.5


def test_a_linear_learner_sees_linear_codes(few_factors, blurred):
    lasso = LogisticRegression(l1_ratio=1.0, solver="saga", C=0.05, max_iter=1000, tol=1e-3)
    scores = dci(KEY, blurred, few_factors, classifier=lasso)
    assert min(scores.disentanglement, scores.completeness) > 0.8
    np.testing.assert_allclose(scores.importance.sum(axis=0), 1)


def test_rotating_two_dimensions_lowers_disentanglement(few_factors, blurred):
    half = np.sqrt(0.5)
    rotation = np.eye(5)
    rotation[np.ix_([0, 3], [0, 3])] = [[half, -half], [half, half]]
    straight, rotated = (dci(KEY, z, few_factors, classifier=FOREST) for z in (blurred, blurred @ rotation))
    assert rotated.disentanglement < straight.disentanglement - 0.1
    assert rotated.completeness < straight.completeness - 0.1


def test_order_and_sign_of_the_dimensions_do_not_matter(few_factors, blurred):
    order = [3, 1, 4, 0, 2]
    straight = dci(KEY, blurred, few_factors, classifier=FOREST)
    changed = dci(KEY, blurred[:, order] * [1, -1, -1, 1, -2], few_factors, classifier=FOREST)
    np.testing.assert_allclose(changed.importance, straight.importance[order], atol=0.06)
    np.testing.assert_allclose(changed.disentanglement, straight.disentanglement, atol=0.03)


def test_a_key_decides_and_the_users_classifier_is_left_alone(few_factors, blurred):
    learner = GradientBoostingClassifier(n_estimators=5, subsample=0.5)
    first, again, other = (
        dci(jax.random.key(s), blurred, few_factors, classifier=learner) for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.importance, again.importance)
    assert not np.array_equal(first.importance, other.importance)
    assert learner.random_state is None
    assert not hasattr(learner, "estimators_")
    assert first.to_dict()["importance"] == first.importance.tolist()


@pytest.mark.parametrize(
    ("codes", "factors", "classifier", "message"),
    [
        (slice(0, 1), slice(None), None, "got one latent dimension"),
        (slice(None), slice(0, 1), None, "got one factor"),
        (slice(None), slice(None), KNeighborsClassifier(), "A KNeighborsClassifier has neither"),
    ],
)
def test_what_has_no_importances_is_refused(few_factors, blurred, codes, factors, classifier, message):
    with pytest.raises(ValueError, match=message):
        dci(KEY, blurred[:, codes], few_factors[:, factors], classifier=classifier)
