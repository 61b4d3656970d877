"""What every network promises: shapes, structure, keys, how it starts."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from latlas.networks import MLP, ConvDecoder, ConvEncoder, Parallel, small_output_init, with_output_bias

BUILDERS = {
    "mlp": lambda key: MLP(6, (3, 2), hidden=(8,), key=key),
    "normed mlp": lambda key: MLP((2, 3), 4, hidden=(8, 8), norm="layer", activation="relu", key=key),
    "affine": lambda key: MLP(6, 4, hidden=(), key=key),
    "bfloat16 mlp": lambda key: MLP(6, 4, hidden=(8,), precision="bfloat16", key=key),
    "conv encoder": lambda key: ConvEncoder(6, 5, channels=(4,), key=key),
    "conv decoder": lambda key: ConvDecoder(6, (7, 5), channels=(4, 2), norm="group", key=key),
    "parallel": lambda key: Parallel(
        {"b": MLP(6, 3, hidden=(4,), key=key), "a": ConvDecoder(6, (5, 2), (2,), key=key, spatial_dims=1)}
    ),
}
X = jr.normal(jr.key(3), (3, 6))


@pytest.fixture(params=BUILDERS, scope="module")
def build(request):
    return BUILDERS[request.param]


@eqx.filter_jit
def run(network, batch):
    return jax.vmap(network)(batch)


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def test_output_has_the_promised_structure_and_depends_on_the_input(build):
    network = build(jr.key(0))
    with jax.numpy_rank_promotion("raise"):
        out = run(network, X)
    promised = jax.tree.map(lambda leaf: (3, *leaf.shape), network.output_structure())
    assert jax.tree.map(jnp.shape, out) == promised
    assert len(network.output_layers()) == len(jax.tree.leaves(out))
    for leaf in leaves(out):
        assert np.isfinite(leaf).all()
        assert (leaf[0] != leaf[1]).any()


def test_two_networks_built_alike_share_structure_and_differ_by_key_only(build):
    first, again, other = build(jr.key(0)), build(jr.key(0)), build(jr.key(1))
    assert jax.tree.structure(first) == jax.tree.structure(again) == jax.tree.structure(other)
    assert eqx.tree_equal(first, again)
    assert not eqx.tree_equal(first, other)
    # Nothing but arrays: the rest is static and can be written as JSON.
    assert all(eqx.is_inexact_array(leaf) and leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(first))


def test_second_network_built_alike_compiles_nothing():
    traces = []

    @eqx.filter_jit
    def count(network, x):
        traces.append(1)
        return network(x)

    for seed in (0, 1):
        count(BUILDERS["mlp"](jr.key(seed)), X[0])
    assert len(traces) == 1


def test_small_output_init_starts_near_a_constant_and_bias_sets_which(build):
    network = build(jr.key(0))
    small = small_output_init(network, 1e-4)
    bias = jax.tree.map(
        lambda leaf: np.linspace(-1, 1, leaf.size).reshape(leaf.shape), network.output_structure()
    )
    for got, constant in zip(leaves(run(with_output_bias(small, bias), X)), leaves(bias), strict=True):
        np.testing.assert_allclose(got, np.broadcast_to(constant, got.shape), atol=5e-3)
    for before, after in zip(leaves(run(network, X)), leaves(run(small, X)), strict=True):
        np.testing.assert_allclose(after, 1e-4 * before, rtol=3e-2, atol=1e-6)  # biases start at zero
    assert jax.tree.structure(small) == jax.tree.structure(network)


def test_bias_broadcasts_to_the_output():
    network = with_output_bias(MLP(2, (3, 2), key=jr.key(0)), jnp.array([1.0, 2.0]))
    np.testing.assert_array_equal(network.output_layers()[0].bias, [1, 2, 1, 2, 1, 2])


def test_wrong_bias_or_scale_raises_a_sentence():
    network = BUILDERS["parallel"](jr.key(0))
    with pytest.raises(ValueError, match="must be a tree like the network's output"):
        with_output_bias(network, 0.0)
    with pytest.raises(ValueError, match=r"shape \(2,\) does not fit an output of shape \(3,\)"):
        with_output_bias(network, {"a": 0.0, "b": jnp.zeros(2)})
    with pytest.raises(ValueError, match="must be positive"):
        small_output_init(network, 0.0)


def test_parallel_orders_by_name_and_refuses_to_be_empty():
    network = BUILDERS["parallel"](jr.key(0))
    out = network(X[0])
    assert list(out) == list(network.networks) == ["a", "b"]
    np.testing.assert_array_equal(out["b"], network.networks["b"](X[0]))
    with pytest.raises(ValueError, match="at least one network"):
        Parallel({})


def test_a_batch_that_was_not_mapped_raises_and_names_the_cure(build):
    with pytest.raises(ValueError, match=r"jax.vmap\(network\)"):
        build(jr.key(0))(X)
