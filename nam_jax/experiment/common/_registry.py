"""The names of memories and of their parts that commands take; imports no jax.

To add a memory, a separation function, a learning rule, a similarity or a weighting, add one row:
each command that takes a name of this kind then knows it and lists it in its help. In `MEMORIES`, a
row with the wrap `STORED` needs a function of patterns, (K, N), that returns a network; a row with
the wrap `DENSE` needs a separation function, a row with `LEARNED` a learning rule, and a row with
`TENSOR` a function of patterns that returns a process tensor.
"""

from nam_jax.experiment.common._names import Names, Real, Row, Whole
from nam_jax.record import ImportPath


def _part(name: str) -> ImportPath:
    return ImportPath(f"nam_jax.memory:{name}")


def _memory(name: str) -> ImportPath:
    return ImportPath(f"nam_jax.experiment.common._memories:{name}")


def _dense(name: str) -> ImportPath:
    return ImportPath(f"nam_jax.experiment.common._dense_memories:{name}")


DENSE, LEARNED, STORED = _dense("dense"), _memory("learned"), _memory("stored")
TENSOR = _memory("coupled_by")
SLOWLY_LEARNED = _memory("slowly_learned")
"""The wrap of a learning rule that takes long to store many patterns."""

POWER = Whole("n", least=2, most=99)
BETA = Real("beta", optional=True)
PASSES = Whole("passes", symbol="P", optional=True)
MARGIN = Real("margin", symbol="M", optional=True)


def separations(wrap: ImportPath | None = None) -> tuple[Row, ...]:
    """Returns rows of the separation functions F of an overlap z.

    Args:
        wrap: A function that makes an object of the separation function, such as a memory; by
            default the object is the separation function itself.
    """
    return (
        Row("power", _part("Power"), "F = z^N / N", POWER, wrap),
        Row("rectified", _part("RectifiedPower"), "F = max(z, 0)^N / N", POWER, wrap),
        Row("exponential", _part("Exponential"), "F = exp(B z)", BETA, wrap),
        Row("log-sum-exp", _part("LogSumExp"), "log of the sum of exp(B z), over B", BETA, wrap),
    )


SEPARATIONS = Names("separation functions", separations())

MEMORIES = Names(
    "memories",
    (
        # Dense memories; power-2 is Hopfield's network.
        *separations(DENSE),
        Row("distinct", _dense("distinct"), "F sums products of N different bits", POWER),
        Row("single-pass", _dense("single_pass"), "power-N by its literal pass, repeated", POWER),
        # Pairwise networks by their learning rule.
        Row("hebb", _part("ActivityProduct"), "Hebb's rule", None, LEARNED),
        Row("covariance", _memory("covariance"), "Hebb's rule less the mean of each neuron"),
        Row("expanded-hebb", _memory("expanded_hebb"), "Hebb's rule less one mean of all neurons"),
        Row("decay", _memory("decay"), "Hebb's rule, a share R of each weight lost a pattern",
            Real("rate", most=1, symbol="R")),
        Row("clamped-oja", _part("ClampedOja"), "Oja's rule at clamped neurons, by a share R",
            Real("learning_rate", most=1, symbol="R"), LEARNED),
        Row("free-oja", _part("FreeOja"), "Oja's rule, at most P passes", PASSES, SLOWLY_LEARNED),
        Row("sanger", _part("Sanger"), "Sanger's rule", PASSES, SLOWLY_LEARNED),
        Row("oja-subspace", _part("OjaSubspace"), "Oja's subspace rule", PASSES, SLOWLY_LEARNED),
        Row("unlearning", _part("Unlearning"), "Hebb's rule, then D states unlearned",
            Whole("dreams", symbol="D"), SLOWLY_LEARNED),
        Row("storkey", _part("Storkey"), "Storkey's rule", None, SLOWLY_LEARNED),
        Row("perceptron", _part("Perceptron"), "the perceptron's rule", PASSES, SLOWLY_LEARNED),
        Row("pseudo-inverse", _part("PseudoInverse"), "projection on the patterns", None, LEARNED),
        # One answer, and no dynamics.
        Row("correlation", _memory("correlation"), "the linear correlation matrix"),
        Row("minerva", _memory("minerva"), "Minerva 2, one literal pass of power-4"),
        Row("modern", _memory("modern"), "softmax of dot products, which is attention"),
        Row("nearest", _memory("nearest"), "the stored pattern of largest cosine"),
        # Continuous in time.
        Row("continuous", _memory("continuous"), "the flow of power-4"),
        Row("two-layer", _memory("two_layer"), "the flow of modern"),
        Row("certified", _memory("certified"), "neuron-astrocyte network, margin M", MARGIN),
        Row("hebbian-tensor", _part("PatternTensor"), "certified, Hebbian T", None, TENSOR),
        Row("distinct-tensor", _part("DistinctTensor"),
            "certified, T of distinct i, j, k, l", None, TENSOR),
        Row("effective", _memory("effective"), "certified, reduced to its neurons", MARGIN),
        Row("released", _memory("released"), "neuron-astrocyte network, released parameters"),
    ),
)  # fmt: skip
"""Memories that store patterns of -1 and +1; each name makes a `Memory`."""


def _similarities(prefix: str = "", wrap: ImportPath | None = None) -> tuple[Row, ...]:
    """Rows of the similarities of a query to stored patterns; names start with `prefix`."""
    return (
        Row(f"{prefix}dot", _part("Dot"), "dot product", None, wrap),
        Row(f"{prefix}cosine", _part("Cosine"), "cosine", None, wrap),
        Row(f"{prefix}pearson", _part("Pearson"), "correlation", None, wrap),
        Row(f"{prefix}euclid", _part("Euclidean"), "minus the squared distance", None, wrap),
        Row(f"{prefix}manhattan", _part("Manhattan"), "minus the sum of |differences|", None, wrap),
    )


SIMILARITIES = Names(
    "similarities", (*_similarities(), *_similarities("visible-", _memory("visible")))
)
"""Similarities; a name that starts with `visible-` leaves out the hidden entries of a query."""

WEIGHTINGS = Names(
    "weightings",
    (
        Row("identity", _part("Identity"), "similarities themselves"),
        Row("polynomial", _part("Polynomial"), "similarities to the power N", Whole("power")),
        Row("threshold", _part("Threshold"), "similarities from T on", Real("value", symbol="T")),
        Row("top", _part("TopQ"), "the N most similar, all alike", Whole("q")),
        Row("softmax", _part("Softmax"), "exp(B similarity)", BETA),
        Row("max", _part("Max"), "the most similar alone"),
        *separations(_memory("slope")),
    ),
)
"""Weightings: functions that turn similarities into weights of the average of stored patterns."""
