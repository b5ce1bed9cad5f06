"""Random cues of all dtypes, scales and shapes, and a judge of what recall makes of them."""

import re
import time

import fuzz_settings
import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

import nam_jax as nam

SIZE = 8
PATTERNS = np.where(np.random.default_rng(0).random((3, SIZE)) < 0.5, -1.0, 1.0).astype(np.float32)
NETWORKS = {
    "hopfield": lambda patterns: nam.network.Hopfield.from_patterns(patterns),
    "dense": lambda patterns: nam.network.DenseAssociativeMemory(patterns, nam.memory.Power(3)),
    "continuous": nam.network.ContinuousDenseMemory,
    "modern": nam.network.ModernHopfield,
    "universal": lambda patterns: nam.network.UniversalHopfield(
        patterns, similarity=nam.memory.Cosine(), weighting=nam.memory.Max()
    ),
    "correlation": nam.network.CorrelationMatrix,
    "minerva": nam.network.Minerva2,
    "effective": lambda patterns: nam.network.EffectiveNeuronAstrocyte.from_full(
        nam.network.NeuronAstrocyte.certified(patterns)
    ),
}
DTYPES = [
    *("float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8"),
    *("bool", "complex64", "str", "object"),
]
SCALES = [1.0, 1e-40, 1e-20, 1e-3, 1e3, 1e20, 1e38, float("inf"), float("nan"), 0.0]


@st.composite
def cues(draw: st.DrawFn) -> tuple[str, str, float, tuple[int, ...], bool, bool]:
    """A network, a dtype, a scale, a shape; whether one entry is scaled, and a list."""
    shape = draw(st.sampled_from([(SIZE,), (SIZE,), (SIZE,), (), (SIZE + 1,), (2, SIZE), (0,)]))
    return (
        draw(st.sampled_from(sorted(NETWORKS))), draw(st.sampled_from(DTYPES)),
        draw(st.sampled_from(SCALES)), shape, draw(st.booleans()), draw(st.booleans()),
    )  # fmt: skip


def made(dtype: str, scale: float, shape: tuple[int, ...], one: bool, as_list: bool) -> object:
    """The cue that a case of `cues` describes."""
    cue = np.resize(PATTERNS[0].astype(float), shape)
    factor = np.ones(shape)
    if one and factor.size:
        factor.flat[0] = scale
    with np.errstate(all="ignore"):
        cue = cue * (factor if one else scale)
        cue = jnp.asarray(cue, "bfloat16") if dtype == "bfloat16" else cue.astype(dtype)
    return np.asarray(cue).tolist() if as_list else cue


_networks: dict[str, object] = {}


def judge(name: str, *description: object) -> str | None:
    """Recalls from a cue; raises an `AssertionError` unless the outcome is as it must be.

    Returns:
        The sentence by which the cue was refused; None if there was a recall. A recall has a finite
        pattern, or its result says that it has none.
    """
    if name not in _networks:
        _networks[name] = NETWORKS[name](jnp.asarray(PATTERNS))
    network, cue = _networks[name], made(*description)
    begun, before = time.process_time(), fuzz_settings.memory()
    try:
        recall = nam.retrieve(network, cue)
        pattern = np.asarray(jax.block_until_ready(recall.pattern))
        failed = recall.result == nam.solve.RESULTS.non_finite
        assert np.isfinite(pattern).all() or failed, f"{recall.result} with {pattern}"
        sentence = None
    except (ValueError, TypeError) as error:
        sentence = str(error)
        reason = fuzz_settings.unclear(sentence, {"`cue`"})
        wrong_type = re.match(r"Type-check error", sentence)  # only where annotations are checked
        assert wrong_type or reason is None, f"unclear, as {reason}: {sentence[:300]!r}"
    assert time.process_time() - begun < fuzz_settings.MOST_SECONDS, "too slow"
    assert fuzz_settings.memory() - before < fuzz_settings.MOST_MEMORY, "too much memory"
    return sentence
