"""Checkpoints: a killed run goes on to the same bits, and a folder belongs to one run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tables.training import FewSteps, N, correlated, denoising, quick_fit

from nam_jax.network import ContinuousDenseMemory
from nam_jax.train import ENDINGS, Checkpoint, SquaredError, denoising_samples
from nam_jax.train._fingerprint import fingerprint

STEPS, EVERY = 160, 8


def drawn(fraction, size=3):
    """A data function of the user's: a closure, whose printed form is always the same."""

    def batches(key):
        return denoising_samples(correlated()[:size], fraction, key=key)

    return batches


def run(folder, num_steps=STEPS, validation=True, seed=0, batches=None, **arguments):
    """The call that is made before and after the kill."""
    batches = batches or denoising(correlated(seed), 3)
    if isinstance(validation, bool):
        held_out = denoising(correlated(seed), 5)(jax.random.key(4)) if validation else None
    else:
        held_out = validation
    checkpoint = None if folder is None else Checkpoint(folder, every=EVERY, keep=2)
    chosen = {"validation": held_out, "checkpoint": checkpoint, **arguments}
    return quick_fit(ContinuousDenseMemory(correlated(seed)), batches, num_steps, **chosen)


def saved_steps(folder):
    """Whole checkpoints: a half-written one has another name."""
    return sorted(int(path.name) for path in Path(folder).glob("*") if path.name.isdigit())


def equal(actual, expected):
    assert actual.step == expected.step and bool(actual.result == expected.result)
    assert eqx.tree_equal(actual.network, expected.network)
    for name, rows in expected.metrics._asdict().items():
        np.testing.assert_array_equal(actual.metrics._asdict()[name], rows, err_msg=name)


@pytest.mark.slow
@pytest.mark.command
def test_a_killed_run_goes_on_to_the_same_bits(tmp_path):
    folder = tmp_path / "run"
    start = f"import sys; sys.path[:0] = {sys.path!r}; import test_checkpoint as t; "
    code = start + f"t.run({str(folder)!r})"
    quick = str(int(jax.config.read("jax_disable_most_optimizations")))
    alike = os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": quick}
    victim = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, env=alike)
    give_up = time.monotonic() + 120
    while len(saved_steps(folder)) < 2 and victim.poll() is None and time.monotonic() < give_up:
        time.sleep(0.005)
    victim.send_signal(signal.SIGKILL)
    errors = victim.communicate(timeout=60)[1].decode()
    assert victim.returncode == -signal.SIGKILL, errors
    reached = saved_steps(folder)
    assert reached and reached[-1] < STEPS

    resumed, straight = run(folder), run(None)
    equal(resumed, straight)
    assert saved_steps(folder) == [STEPS - EVERY, STEPS]


def test_a_run_in_parts_is_the_run_in_one(tmp_path):
    """Where the parts end on chunks of 4; a finished run is not run again."""
    run(tmp_path, 8)
    run(tmp_path, 20)
    fit = run(tmp_path, 30)
    equal(fit, run(None, 30))
    equal(run(tmp_path, 30), fit)
    assert fit.metrics.taken.dtype == bool and len(saved_steps(tmp_path)) == 2
    assert not list(tmp_path.rglob("*.pkl"))


def test_fewer_steps_than_stored_give_a_kept_checkpoint_or_are_refused(tmp_path):
    run(tmp_path, 8)
    run(tmp_path, 16)
    equal(run(tmp_path, 8), run(None, 8))
    equal(run(tmp_path, 12), run(None, 12))
    message = "`num_steps` must be at least 8, the earliest step kept in .*, but has 4; name a new"
    with pytest.raises(ValueError, match=message):
        run(tmp_path, 4)
    assert saved_steps(tmp_path) == [8, 16]


def test_parts_that_end_inside_a_chunk_leave_no_trace(tmp_path):
    """The validation after step 6 is part of the run of 6 steps, not of that of 8."""
    equal(run(tmp_path, 6), run(None, 6))
    equal(run(tmp_path, 6), run(None, 6))
    equal(run(tmp_path, 8), run(None, 8))


def test_a_data_function_is_known_by_what_it_computes_with(tmp_path):
    run(tmp_path, 4, batches=drawn(0.1))
    equal(run(tmp_path, 8, batches=drawn(0.1)), run(None, 8, batches=drawn(0.1)))
    for other in (drawn(0.2), drawn(0.1, size=4)):
        with pytest.raises(ValueError, match="another source of batches"):
            run(tmp_path, 12, batches=other)


RATE = 0.5


def doubled(x):
    return 2 * x


def test_fingerprints_tell_functions_and_objects_apart(monkeypatch):
    def scaled(rate):
        return lambda x: rate * doubled(x)

    def recursive(x):
        return recursive(x - 1) if x else RATE

    class Scale:
        def __init__(self, rate):
            self.rate = rate

        def __call__(self, x):
            return self.rate * x

    equal_pairs = [
        (scaled(2.0), scaled(2.0)),
        (Scale(2.0), Scale(2.0)),
        (optax.adam(optax.cosine_decay_schedule(0.1, 9)),) * 2,
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.zeros(3, np.float32), jnp.zeros(3, jnp.float32)),
    ]
    for one, other in equal_pairs:
        assert fingerprint(one) == fingerprint(other)
    different = [
        *(scaled(2.0), scaled(3.0), jax.jit(scaled(2.0)), jax.jit(scaled(3.0))),
        *(Scale(2.0), Scale(3.0), Scale(2.0).__call__, recursive, doubled),
        *(optax.adam(0.1), optax.adam(0.2), optax.sgd(0.1)),
        *(optax.adam(optax.cosine_decay_schedule(0.1, n)) for n in (9, 10)),
        *(jnp.zeros(3), jnp.zeros((3, 1)), jnp.zeros(3, int), jax.random.key(0)),
        *(jax.nn.relu, jax.nn.gelu, jnp.tanh, 1, 1.0, True, "1", None, (), [], {}),
        *(jax.tree_util.Partial(doubled, x=x) for x in (1, 2)),
    ]
    assert len({*map(fingerprint, different)}) == len(different)
    before = fingerprint(scaled(2.0)), fingerprint(recursive)
    monkeypatch.setattr(f"{__name__}.doubled", lambda x: x + x)
    monkeypatch.setattr(f"{__name__}.RATE", 0.25)
    after = fingerprint(scaled(2.0)), fingerprint(recursive)
    assert before[0] != after[0] and before[1] != after[1]


CLIMB = optax.sgd(lambda count: jnp.where(count < 8, 0.1, -3.0))
"""Down the gradient for two chunks of steps, then up."""


def test_an_early_stop_stays_stopped(tmp_path):
    arguments = {"patience": 1, "optimizer": CLIMB}
    first, again = (run(tmp_path, 80, **arguments) for _ in range(2))
    assert bool(first.result == ENDINGS.stopped_early) and first.step < 80
    equal(again, first)


OTHERS = {
    "network": ({"seed": 1}, "network, source of batches"),
    "key": ({"key": jax.random.key(9)}, "another key"),
    "optimizer": ({"optimizer": optax.sgd(0.1)}, "another optimizer"),
    "validation": ({"validation": False}, "another validation"),
    "trained": ({"trainable": lambda net: [net.leak]}, "set of trained parts"),
    "numbers of the optimizer": ({"optimizer": optax.adam(3e-2)}, "another optimizer"),
    "loss": ({"loss": SquaredError(jnp.arange(N) < 3)}, "another loss"),
    "route": ({"gradient": FewSteps(size=0.4)}, "another gradient route"),
    "data function": ({"batches": drawn(0.1)}, "another source of batches"),
    "validation data": (
        {"validation": denoising(correlated(), 4)(jax.random.key(4))},
        "validation",
    ),
    "project": ({"project": lambda net: net}, "another project"),
    "patience": ({"patience": 7}, "another patience"),
    "chunk": ({"chunk": 2}, "another chunk"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_a_folder_of_another_run_is_refused(case, tmp_path):
    run(tmp_path, 4)
    arguments, differing = OTHERS[case]
    message = f"`checkpoint` must name a new folder or that of this very run, .*{differing}"
    with pytest.raises(ValueError, match=message):
        run(tmp_path, 8, **arguments)
    assert saved_steps(tmp_path) == [4]


def test_config_and_numbers_of_a_checkpoint_are_checked(tmp_path):
    net, batches = ContinuousDenseMemory(correlated()), denoising(correlated(), 3)
    quick_fit(net, batches, 4, checkpoint=Checkpoint(tmp_path, config={"rate": 0.03}))
    with pytest.raises(ValueError, match="another config"):
        quick_fit(net, batches, 8, checkpoint=Checkpoint(tmp_path, config={"rate": 0.1}))
    with pytest.raises(ValueError, match="`every` must be at least 1, but has 0"):
        Checkpoint(tmp_path, every=0)


def test_half_written_checkpoints_are_ignored_and_removed(tmp_path):
    run(tmp_path, 8)
    (tmp_path / "12.orbax-checkpoint-tmp").mkdir()
    fit = run(tmp_path, 12)
    assert saved_steps(tmp_path)[-1] == 12
    assert not list(tmp_path.glob("*tmp*"))
    assert bool(jnp.isfinite(fit.network.patterns).all())
