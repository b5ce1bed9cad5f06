"""Objects and names of memories and of their parts, from the registry."""

from nam_jax.experiment.common import MEMORIES, SEPARATIONS, SIMILARITIES, WEIGHTINGS

POWERS = {"power": (2, 3, 4, 5, 6, 7), "rectified": (2, 3, 4), "distinct": (3, 4, 5)}
POWERS["single-pass"] = (2, 3, 4)
NUMBERS = {"P": 40, "D": 10, "R": 0.2, "B": 0.5, "M": 0.05, "N": 2, "T": 0.1}


def names_of(row):
    """The plain name, where there is one, and names with numbers."""
    plain = [row.word] if row.read(row.word) is not None else []
    if row.number is None:
        return plain
    numbers = POWERS.get(row.word) or (NUMBERS[row.number.symbol],)
    return plain + [f"{row.word}-{number}" for number in numbers]


NAMES = [name for row in MEMORIES.rows for name in names_of(row)]
"""One name or more of each row of memories."""
PARTS = {
    name: names.make(name, "name")
    for names in (SEPARATIONS, SIMILARITIES, WEIGHTINGS)
    for name in (names_of(row)[-1] for row in names.rows)
}
"""One object of each row of separations, similarities and weightings."""
