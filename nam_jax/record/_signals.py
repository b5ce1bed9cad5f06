"""Signals that end a run from outside raise an error, so that half-written files are removed."""

import _thread
import contextlib
import gc
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
"""Signals of Ctrl-C, of a batch system that ends a job, and of a terminal that closes."""
IMPORTS = "<frozen importlib._bootstrap>"
"""The file of Python's own functions that import modules."""


LATER = 0.05
"""Seconds after which a signal is sent again that arrives where an error would be lost."""
LONGEST = 60.0
"""Seconds after which a signal ends the run wherever it arrives."""


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Returns a context manager in which the signals `NAMES` raise a `KeyboardInterrupt`.

    The error holds the number of the signal. A signal that is ignored when the block starts, as
    under `nohup`, stays ignored. Python sends all signals to the main thread; in other threads the
    block changes nothing.
    """
    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
        before = {number: signal.getsignal(number) for number in numbers}
        handlers = {n: old for n, old in before.items() if old not in (signal.SIG_IGN, None)}
    first: float | None = None

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal first
        first = time.monotonic() if first is None else first
        if _is_lost(frame) and time.monotonic() < first + LONGEST:
            again = threading.Timer(LATER, _send, (number,))
            again.daemon = True
            again.start()
        else:
            raise KeyboardInterrupt(number)

    for number in handlers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, old in handlers.items():
            signal.signal(number, old)


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """Returns a context manager in which the signals `NAMES` wait; they come at the end of it.

    A group of calls in which an error would leave files behind is short and must end. A signal that
    ends the process without Python is not held, nor is a signal in another thread than the main.
    """
    waiting: list[int] = []
    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
        handlers = {n: old for n in numbers if callable(old := signal.getsignal(n))}
    try:
        for number in handlers:
            signal.signal(number, lambda number, _: waiting.append(number))
        yield
    finally:
        for number, old in handlers.items():
            signal.signal(number, old)
        for number in waiting[:1]:
            signal.raise_signal(number)


def _is_lost(frame: FrameType | None) -> bool:
    """Returns whether an error that is raised in `frame` would be lost, or become another one.

    Python drops errors of functions that it calls when it collects garbage. JAX has such a
    function, and a signal that arrives during a long compilation is often handled inside it. In an
    import, extension modules turn the error into an `ImportError`.
    """
    callbacks = [getattr(callback, "__code__", None) for callback in gc.callbacks]
    while frame is not None:
        if frame.f_code in callbacks or frame.f_code.co_filename == IMPORTS:
            return True
        frame = frame.f_back
    return False


def _send(number: int) -> None:
    """Sends a signal to the main thread; `pthread_kill` also wakes it if it waits."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        _thread.interrupt_main(signal.Signals(number))
