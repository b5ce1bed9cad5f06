"""`ExponentialEuler`: exact where targets stand still, of order 1 where they move."""

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nam_jax.solve import ExponentialEuler

X64 = jax.config.jax_enable_x64


def leak(t, y, args):
    """Two layers that relax to 3 and to sin t, with time constants 10 and 0.5."""
    slow, fast = y
    return (3.0 - slow) / 10, (jnp.sin(t) - fast) / 0.5


@jax.jit
def end(step):
    solver = ExponentialEuler((jnp.asarray(10.0), jnp.asarray(0.5)))
    start = (jnp.asarray(0.0), jnp.asarray(1.0))
    solution = dfx.diffeqsolve(
        dfx.ODETerm(leak), solver, 0.0, 2.0, step, start, max_steps=10_000,
        stepsize_controller=dfx.ConstantStepSize(),
    )  # fmt: skip
    return tuple(leaf[-1] for leaf in solution.ys)


def exact():
    # y' = (sin t - y) / tau from 1: the forced solution and a transient.
    tau, t = 0.5, 2.0
    forced = (np.sin(t) - tau * np.cos(t)) / (1 + tau**2)
    return 3 * (1 - np.exp(-0.2)), forced + (1 + tau / (1 + tau**2)) * np.exp(-t / tau)


def test_a_target_that_stands_still_is_reached_exactly_in_steps_of_any_length():
    for step in (2.0, 0.5, 0.01):
        assert float(end(step)[0]) == pytest.approx(exact()[0], rel=1e-12 if X64 else 1e-5)


def test_errors_of_a_moving_target_halve_with_the_step():
    errors = [abs(float(end(step)[1]) - exact()[1]) for step in (0.2, 0.025, 0.0125, 0.00625)]
    assert errors[0] < 0.02 and errors == sorted(errors, reverse=True)
    assert np.log2(errors[-2] / errors[-1]) == pytest.approx(1, abs=0.15), errors
