"""The number of workers, what they count, and the programs that they keep."""

import jax
import jax.numpy as jnp
import pytest
import workers
from workers import GB, WORKER


@pytest.mark.parametrize(
    ("cores", "free", "expected"),
    [
        (2, 100 * GB, 2),
        (16, 16 * GB, 10),  # a laptop: 10 workers of 1.5 GB
        (16, 3.1 * GB, 2),
        (16, 0.5 * GB, 1),
        (16, None, 16),
    ],
)
def test_workers_fit_in_cores_and_memory(cores, free, expected):
    assert WORKER == 1.5 * GB
    assert workers.num_workers(cores, free) == expected


def test_free_memory_is_what_the_system_says_is_available(tmp_path):
    meminfo = tmp_path / "meminfo"
    assert workers.free_memory(meminfo) is None
    meminfo.write_text("MemTotal:  24000 kB\nMemFree:  100 kB\nMemAvailable:   20480 kB\n")
    assert workers.free_memory(meminfo) == 20 * 2**20


@pytest.mark.skipif(not workers.PROCESS.exists(), reason="other systems only tell the peak")
def test_memory_grows_with_what_is_held():
    before, peak = workers.resident_memory(), workers.peak_memory()
    held = bytearray(b"x") * (256 * 2**20)
    assert workers.resident_memory() > before + len(held) / 2
    assert workers.peak_memory() >= max(peak, before + len(held) / 2)


def test_forgotten_programs_are_compiled_anew():
    program = jax.jit(lambda x: x + 1.0)
    program(jnp.zeros(3))
    assert program._cache_size() == 1
    workers.forget_programs()
    assert program._cache_size() == 0


def test_a_large_folder_of_programs_is_deleted(tmp_path):
    folder = tmp_path / "programs"
    workers.delete_large(folder)  # a folder that is not there
    folder.mkdir()
    (folder / "program").write_bytes(b"x" * 100)
    workers.delete_large(folder, largest=100)
    assert folder.exists()
    workers.delete_large(folder, largest=99)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("flags", "version", "expected"),
    [
        ("", "0.10.2", workers.QUICK_EMITTER),
        ("--xla_other=1", "0.10.0", f"--xla_other=1 {workers.QUICK_EMITTER}"),
        (workers.QUICK_EMITTER, "0.10.2", workers.QUICK_EMITTER),
        ("--xla_other=1", "0.11.0", "--xla_other=1"),
    ],
)
def test_the_quick_emitter_is_asked_of_versions_that_know_it(flags, version, expected):
    assert workers.quick_flags(flags, version) == expected
