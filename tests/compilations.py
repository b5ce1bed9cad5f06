"""Counts the programs that JAX compiles."""

import contextlib

import jax

COMPILED = "/jax/core/compile/backend_compile_duration"


@contextlib.contextmanager
def compilations():
    """Collects an entry for each program that is compiled inside the block."""
    events = []

    def listen(name, duration, **_):
        if name == COMPILED:
            events.append(duration)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield events
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
