import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nam_jax.data import add_noise, flip, mask, occlude, random_patterns

FRACTIONS = [0.0, 0.004, 0.1, 0.25, 0.5, 0.999, 1.0]


@pytest.mark.parametrize("fraction", FRACTIONS)
@pytest.mark.parametrize("N", [1, 7, 768])
def test_flip_changes_exactly_the_count_asked_for(getkey, fraction, N):
    pattern = random_patterns(1, N, key=getkey())[0]
    damaged = flip(pattern, fraction, key=getkey())
    assert int((damaged != pattern).sum()) == round(fraction * N)
    assert set(np.unique(damaged)) <= {-1.0, 1.0}


@pytest.mark.parametrize("fraction", FRACTIONS)
@pytest.mark.parametrize("shape", [(64,), (8, 8, 3)])
def test_mask_sets_exactly_the_count_asked_for(getkey, fraction, shape):
    pattern = jnp.ones(shape)
    damaged = mask(pattern, fraction, key=getkey(), value=-7.0)
    assert damaged.shape == shape
    assert int((damaged == -7).sum()) == round(fraction * pattern.size)
    assert int((damaged == 1).sum()) == pattern.size - round(fraction * pattern.size)


def test_mask_is_zero_by_default(getkey):
    assert float(mask(jnp.ones(10), 0.5, key=getkey()).sum()) == 5


def test_every_entry_is_flipped_equally_often(getkey):
    N, repeats, fraction = 50, 4000, 0.2
    keys = jax.random.split(getkey(), repeats)
    damaged = jax.vmap(lambda key: flip(jnp.ones(N), fraction, key=key))(keys)
    rate = (damaged < 0).mean(axis=0)
    deviation = (fraction * (1 - fraction) / repeats) ** 0.5
    assert np.abs(rate - fraction).max() < 5 * deviation


def test_noise_has_the_standard_deviation_asked_for(getkey):
    noise = add_noise(jnp.zeros(40000), 0.3, key=getkey())
    # The standard error of a standard deviation is std / sqrt(2 N).
    assert float(noise.std()) == pytest.approx(0.3, abs=5 * 0.3 / (2 * 40000) ** 0.5)
    assert abs(float(noise.mean())) < 5 * 0.3 / 40000**0.5
    assert (add_noise(jnp.ones(5), 0, key=getkey()) == 1).all()


def test_occlude_hides_the_lower_rows_of_an_image_and_the_tail_of_a_vector():
    image = occlude(jnp.ones((8, 4, 3)), 0.25, value=0.5)
    assert (image[:6] == 1).all()
    assert (image[6:] == 0.5).all()
    assert (occlude(jnp.ones(10), 0.3) == jnp.array([1.0] * 7 + [0.0] * 3)).all()
    assert (occlude(jnp.ones(4), 0) == 1).all()
    assert (occlude(jnp.ones(4), 1) == 0).all()


@pytest.mark.parametrize("corrupt", [flip, mask, add_noise])
def test_jit_and_vmap_over_traced_fractions_equal_a_loop(getkey, corrupt):
    patterns = random_patterns(6, 33, key=getkey())
    keys = jax.random.split(getkey(), 6)
    fractions = jnp.linspace(0, 1, 6)
    batched = jax.jit(jax.vmap(lambda p, f, k: corrupt(p, f, key=k)))(patterns, fractions, keys)
    single = [
        corrupt(p, float(f), key=k) for p, f, k in zip(patterns, fractions, keys, strict=True)
    ]
    np.testing.assert_allclose(batched, jnp.stack(single), rtol=1e-6)


def test_traced_occlusion_equals_a_loop():
    image = jnp.ones((9, 2, 1))
    fractions = jnp.linspace(0, 1, 5)
    batched = jax.jit(jax.vmap(lambda f: occlude(image, f)))(fractions)
    np.testing.assert_array_equal(batched, jnp.stack([occlude(image, float(f)) for f in fractions]))


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.float32, jnp.float64])
def test_dtype_is_kept(getkey, dtype):
    with jax.enable_x64(True):
        pattern = jnp.ones(12, dtype)
        key = getkey()
        for damaged in (
            flip(pattern, 0.5, key=key),
            mask(pattern, 0.5, key=key, value=2.0),
            add_noise(pattern, 0.5, key=key),
            occlude(pattern, 0.5),
        ):
            assert damaged.dtype == dtype


@pytest.mark.parametrize("fraction", [-0.01, 1.01, float("nan"), 5])
def test_fraction_out_of_range(getkey, fraction):
    key = getkey()
    for corrupt in (
        lambda f: flip(jnp.ones(4), f, key=key),
        lambda f: mask(jnp.ones(4), f, key=key),
        lambda f: occlude(jnp.ones(4), f),
    ):
        with pytest.raises(ValueError, match="`fraction` must lie in"):
            corrupt(fraction)
        assert jnp.isnan(eqx.filter_jit(corrupt)(jnp.asarray(float(fraction)))).all()


def test_negative_noise_and_scalars(getkey):
    with pytest.raises(ValueError, match="`std` must be at least 0"):
        add_noise(jnp.ones(3), -1.0, key=getkey())
    with pytest.raises(ValueError, match="at least one axis"):
        occlude(jnp.asarray(1.0), 0.5)
