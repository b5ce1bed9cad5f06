"""Tables of names that commands take, each of which may carry a number; imports no jax.

For example, with the row

    Row("power", ImportPath("nam_jax.memory:Power"), "F(z) = z^N / N", Whole("n", 2, 99))

the name `power-3` makes `nam_jax.memory.Power(n=3)`, and `power-1` is refused.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, final

from nam_jax.record import FARTHEST, MOST, ImportPath, Named, shown


@final
@dataclass(frozen=True)
class Whole:
    """A whole number at the end of a name, such as the 3 of `power-3`."""

    argument: str
    """Name of the argument that takes it."""
    least: int = 1
    most: int = MOST
    optional: bool = False
    """Whether the name may stand without a number, which leaves the argument at its default."""
    symbol: str = "N"
    """Letter that stands for the number in texts."""

    def read(self, text: str) -> int | None:
        """Returns the number in `text`; None if `text` is not a whole number or out of range."""
        if not re.fullmatch(r"0|[1-9][0-9]{0,9}", text):
            return None
        return int(text) if self.least <= int(text) <= self.most else None

    @property
    def example(self) -> str:
        """The least number."""
        return str(self.least)

    def __str__(self) -> str:
        end = "on" if self.most == MOST else f"to {self.most:g}"
        return f"{self.symbol} from {self.least} {end}"


@final
@dataclass(frozen=True)
class Real:
    """A number at the end of a name, such as the 0.5 of `log-sum-exp-0.5`."""

    argument: str
    """Name of the argument that takes it."""
    above: float | int = 0.0
    """The number is larger than this."""
    most: float | int = FARTHEST
    optional: bool = False
    """Whether the name may stand without a number, which leaves the argument at its default."""
    symbol: str = "B"
    """Letter that stands for the number in texts."""

    def read(self, text: str) -> float | None:
        """Returns the number in `text`; None if `text` is not a number or out of range."""
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
            return None
        return float(text) if self.above < float(text) <= self.most else None

    @property
    def example(self) -> str:
        """A number in the range."""
        return f"{self.above + min(1.0, (self.most - self.above) / 2):g}"

    def __str__(self) -> str:
        most = "" if self.most == FARTHEST else f", at most {self.most:g}"
        return f"{self.symbol} above {self.above:g}{most}"


@final
@dataclass(frozen=True)
class Row:
    """One name, or one kind of name that carries a number."""

    word: str
    """The name without its number."""
    makes: ImportPath
    """The class or function that is called with the number."""
    meaning: str
    """A few words for the help of commands."""
    number: Whole | Real | None = None
    """The number that the name carries; None for a plain name."""
    wrap: ImportPath | None = None
    """A function that is called in place of `makes`, with `makes` itself and the number."""

    @property
    def form(self) -> str:
        """The written form of the name, such as `power-N`; an optional number is in brackets."""
        if self.number is None:
            return self.word
        number = f"-{self.number.symbol}"
        return self.word + (f"[{number}]" if self.number.optional else number)

    @property
    def example(self) -> str:
        """A name that the row fits: without a number if it may, else with a small one."""
        if self.number is None or self.number.optional:
            return self.word
        return f"{self.word}-{self.number.example}"

    def read(self, name: str) -> dict[str, float | int] | None:
        """Returns the number in `name` as a keyword argument; None if the row does not fit `name`.

        For example, the row of `power-N` reads `power-3` as {"n": 3}.
        """
        if name == self.word and (self.number is None or self.number.optional):
            return {}
        word, _, text = name.rpartition("-")
        if self.number is None or word != self.word:
            return None
        number = self.number.read(text)
        return None if number is None else {self.number.argument: number}

    def make(self, numbers: dict[str, float | int]) -> Any:
        """Returns the object: `makes(**numbers)`, or `wrap(makes, **numbers)` with a wrap."""
        if self.wrap is None:
            return self.makes(**numbers)
        return self.wrap(self.makes.resolve(), **numbers)

    def __str__(self) -> str:
        return self.form if self.number is None else f"{self.form} ({self.number})"


@final
@dataclass(frozen=True)
class Names:
    """The names of one kind of thing."""

    things: str
    """The kind of thing that they name, in the plural, such as `memories`."""
    rows: tuple[Row, ...]

    def __post_init__(self):
        words = [row.word for row in self.rows]
        if len(set(words)) < len(words):
            raise ValueError(f"Argument `rows` must have different words, but has {words}.")

    def row_of(self, name: str, argument: str) -> Row:
        """Returns the row that fits a name.

        Args:
            name: The name, such as `power-3`.
            argument: The argument or setting that holds the name, for the error text.

        Raises:
            ValueError: If no row fits; the text lists all names.
        """
        for row in self.rows:
            if row.read(name) is not None:
                return row
        known = ", ".join(row.form for row in self.rows)
        raise ValueError(
            f"Argument `{argument}` must name {self.things} among {known}, but has {shown(name)}"
            f"{self._hint(name)}"
        )

    def make(self, name: str, argument: str) -> Any:
        """Returns the object that a name makes.

        Args:
            name: The name, such as `power-3`.
            argument: The argument or setting that holds the name, for the error text.

        Raises:
            ValueError: If no row fits the name.
        """
        row = self.row_of(name, argument)
        return row.make(row.read(name) or {})

    def make_all(self, names: Iterable[str], argument: str) -> dict[str, Any]:
        """Returns the objects that several names make, by name.

        Args:
            names: The names.
            argument: The argument or setting that holds the names, for the error text.

        Raises:
            ValueError: If no row fits a name, or a name is given twice.
        """
        made: dict[str, Any] = {}
        for name in names:
            if name in made:
                raise ValueError(
                    f"Argument `{argument}` must have different names, but has {shown(name)} twice."
                )
            made[name] = self.make(name, argument)
        return made

    def doc(self, text: str) -> Named:
        """Returns the help of a field that takes these names: `text`, then names and meanings."""
        meanings = "; ".join(f"{row}: {row.meaning}" for row in self.rows)
        return Named(f"{text}. {meanings}.", tuple(row.example for row in self.rows))

    def _hint(self, name: str) -> str:
        """The end of an error text: the known name that is most like `name`, if one is near."""
        number = re.search(r"-[\d.]+$", name)
        word = name if number is None else name[: number.start()]
        near = difflib.get_close_matches(word[:100], [row.word for row in self.rows], n=1)
        if not near:
            return "."
        row = next(row for row in self.rows if row.word == near[0])
        better = row.word if number is None else row.word + number.group()
        return f"; did you mean {row if row.read(better) is None else better}?"
