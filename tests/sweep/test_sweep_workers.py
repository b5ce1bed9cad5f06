"""Chunks are computed by the workers of a Dask cluster as in this process; workers may be lost."""

import os
import signal
import subprocess
import sys
import time

import jax
import pytest
import xarray as xr
from tables import stores, toys

from nam_jax import sweep
from nam_jax.record import ConfigError
from nam_jax.sweep import SweepError, _workers


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "`workers` must be a whole number of at least 1, or 'devices', but has 0"),
        ({"workers": 2, "scheduler": "tcp://x"}, "`workers` must be left out with `scheduler`"),
        ({"workers": "devices"}, "a number of processes on a machine without GPUs"),
    ],
)
def test_wrong_workers_are_refused(options, message, tmp_path, monkeypatch):
    monkeypatch.setattr(_workers, "_devices", list)
    with pytest.raises(ConfigError, match=message):
        stores.run(tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_an_address_without_a_scheduler_is_told(tmp_path, monkeypatch):
    import distributed

    def client(address, timeout):
        assert (address, timeout) == ("tcp://host:1", "30s")
        raise TimeoutError

    monkeypatch.setattr(distributed, "Client", client)
    with pytest.raises(
        ConfigError, match=r"a running Dask scheduler, as in .* 'tcp://host:1' cannot"
    ):
        stores.run(tmp_path / "out", scheduler="tcp://host:1")
    assert list(tmp_path.iterdir()) == []


def test_a_lost_scheduler_ends_the_sweep_in_one_sentence(monkeypatch):
    import distributed
    from distributed.client import FutureCancelledError

    class Future:
        def result(self):
            raise FutureCancelledError("key", "scheduler-connection-lost")

    class Client:
        loop = None

        def submit(self, *arguments, **options):
            return Future()

    monkeypatch.setattr(distributed, "as_completed", lambda loop: iter(()))
    with pytest.raises(ConnectionError, match="the Dask scheduler was lost; finished chunks are"):
        _workers.Cluster(toys.ONE_BY_ONE, Client()).call(len, "")


def test_a_missing_dask_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'nam-jax\[cluster\]'"):
        stores.run(tmp_path / "out", workers=1)


def test_processes_get_the_settings_of_jax_and_one_gpu_each(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3,-1,")
    monkeypatch.setenv("JAX_DEBUG_NANS", "1")
    with jax.enable_x64(True):
        first, second = _workers._environments("devices")
    assert (first["CUDA_VISIBLE_DEVICES"], second["CUDA_VISIBLE_DEVICES"]) == ("0", "3")
    assert first["JAX_ENABLE_X64"] == "True" and first["JAX_DEBUG_NANS"] == "1"
    assert first["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert "CUDA_VISIBLE_DEVICES" not in _workers._environments(1)[0]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    listed = "GPU 0: H100 (UUID: a)\n  MIG 1g.10gb Device 0: (UUID: b)\nGPU 1: H100 (UUID: c)\n"
    monkeypatch.setattr(_workers.shutil, "which", lambda name: name)
    monkeypatch.setattr(
        _workers.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess((), 0, listed)
    )
    assert _workers._devices() == ["0", "1"]


@pytest.mark.slow
def test_a_worker_that_is_killed_changes_no_bit(tmp_path):
    """It kills itself in the middle of a chunk; other chunks fail and are told."""
    marks = tmp_path / "marks"
    marks.mkdir()
    grid = {"size": [1, 2], "fault": ["", "die"]}
    options = {"settings": {"where": str(marks), "pause": 0.2}, "chunk": 1}
    out = stores.run(tmp_path / "out", grid, workers=2, **options)
    assert (marks / "dead").exists() and bool(out.computed.all())
    counts = stores.marks(marks)
    assert max(count for name, count in counts.items() if name != "dead") >= 2
    whole = stores.run(tmp_path / "whole", grid, **options)
    xr.testing.assert_identical(out, whole)
    assert stores.files(tmp_path / "out") == stores.files(tmp_path / "whole")
    with pytest.raises(SweepError, match=r"2 of 4 chunks failed .* with ValueError: no luck"):
        stores.run(tmp_path / "bad", {"size": [1, 2], "fault": ["", "raise"]}, seeds=1, chunk=1,
                   workers=1)  # fmt: skip
    assert "2 of 4 units" in str(sweep.status(tmp_path / "bad", [toys.ONE_BY_ONE]))


@pytest.mark.slow
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_workers_too(number, tmp_path):
    """Ctrl-C reaches all processes of a terminal."""
    (tmp_path / "marks").mkdir()
    options = {"settings": {"where": str(tmp_path / "marks"), "pause": 0.5}, "chunk": 1}
    code = (
        f"import signal, sys; sys.path[:0] = {sys.path!r}\n"
        "from tables import stores\n"
        "from nam_jax.record import stopped_by_signals\n"
        # Processes in the background, as the gate may be, ignore SIGINT.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "if __name__ == '__main__':\n"
        "    with stopped_by_signals():\n"
        f"        stores.run({str(tmp_path / 'out')!r}, seeds=20, workers=2, **{options!r})\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    process = subprocess.Popen(
        [sys.executable, str(script)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        while not stores.places(tmp_path / "out"):
            assert process.poll() is None
            time.sleep(0.1)
        os.killpg(process.pid, getattr(signal, number))
        _, errors = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert "KeyboardInterrupt" in errors and "finished chunks are kept" in errors
    assert os.listdir(tmp_path / "out" / "chunks" / "claims") == []
    for _ in range(100):  # the system may need a moment to forget them
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError
