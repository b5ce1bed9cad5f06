"""The list of claims: `@claim` stands above each check, and `all_claims` returns them in order."""

import importlib
import re
from collections.abc import Callable
from typing import NamedTuple

from nam_jax._misc import argument_error
from nam_jax.experiment.claims._finding import Finding

FILES = (
    "_dynamics",
    "_recall",
    "_capacity",
    "_certified",
    "_exact",
    "_discrete",
    "_rules",
    "_dendritic",
    "_composed",
    "_equal",
    "_equilibria",
    "_descent",
    "_hierarchy",
    "_tokens",
    "_setwise",
    "_predictive",
    "_attention",
    "_scaling",  # last, because its checks wait for the capacities that `_capacity` measures
)
"""Files of this folder that hold claims, in the order of the page."""


class Claim(NamedTuple):
    """One row of the ledger.

    Attributes:
        statement: The statement that is checked.
        source: Who makes the statement, and where.
        check: The function that measures it. Its argument says whether to be quick; the first line
            of its docstring says what is computed.
        quick: Whether the quick ledger has the row. It lacks statements that only a long training
            can judge.
    """

    statement: str
    source: str
    check: Callable[[bool], Finding]
    quick: bool = True


_CLAIMS: dict[str, Claim] = {}


def claim(
    key: str, statement: str, source: str, *, quick: bool = True
) -> Callable[[Callable[[bool], Finding]], Callable[[bool], Finding]]:
    """Returns a decorator that makes a check function a row of the ledger.

    ```python
    @claim("superposition", "A correlation matrix is linear", f"{PROSPECTUS}, eq 1")
    def superposition(fast: bool) -> Finding: ...
    ```

    Args:
        key: The row's label: the first column of the page, and the word for `--only`. Lower-case
            letters, digits and hyphens.
        statement: The statement that is checked.
        source: Who makes the statement, and where; papers by their names in `_sources.py`.
        quick: False for a statement that only a long training can judge: the quick ledger leaves
            its row out.

    Returns:
        The decorator; it returns the check function unchanged.

    Raises:
        ValueError: If another claim has this key, or if the key has other characters.
    """
    if not re.fullmatch("[a-z0-9-]+", key):
        raise argument_error("key", "have lower-case letters, digits and hyphens only", repr(key))

    def register(check: Callable[[bool], Finding]) -> Callable[[bool], Finding]:
        if key in _CLAIMS:
            raise argument_error("key", "be the key of one claim only", f"{key}, which is taken")
        _CLAIMS[key] = Claim(statement, source, check, quick)
        return check

    return register


def all_claims() -> dict[str, Claim]:
    """Returns every claim by its key, in the order of the page.

    The order is that of `FILES` and, within a file, from top to bottom. It does not depend on which
    file was imported first. Claims that other modules registered come last.
    """
    modules = [f"{__package__}.{name}" for name in FILES]
    for module in modules:
        importlib.import_module(module)
    place = {module: index for index, module in enumerate(modules)}
    rows = _CLAIMS.items()
    return dict(sorted(rows, key=lambda row: place.get(row[1].check.__module__, len(modules))))
