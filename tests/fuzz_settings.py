"""Random configs, flags and cues, and a judge of what the command makes of them.

`texts(study)` is a strategy of files of settings, and `flags(study)` one of words after the name of
a study. The judges call the command in this process with a study that computes nothing: it must
finish, or say in one clear sentence what is wrong. `unclear` says when a sentence is not clear.
"""

import contextlib
import dataclasses
import importlib
import io
import itertools
import re
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec.inspect as kinds
import rich.table
import tomli_w
import xarray as xr
from hypothesis import strategies as st

from nam_jax import cli
from nam_jax.experiment import STUDIES, common
from nam_jax.record import Study, read_config
from nam_jax.record._config import hints
from nam_jax.record._sentences import plain

MOST_SECONDS = 20.0
"""Seconds of processor time that a case may take."""
MOST_MEMORY = 2**30
"""Bytes by which the memory of the process may grow in one case."""
MOST_CHARACTERS = 1000
INTERNAL = re.compile(
    r"Traceback|\b\w+(Error|Exception)\b|<(class|function|object|module)|\bat 0x|msgspec|argparse"
    r"|\bnam_jax[\w.]*(\._|:)|jaxlib|Annotated|\bstr\b|\bint\b|\bNoneType\b|\$\."
)
"""Words of the program's inside, which tell users nothing."""


def unclear(message: str, names: set[str]) -> str | None:
    """Returns why the message of a refusal is not clear; None if it is.

    A clear message is one printable line of at most `MOST_CHARACTERS` characters. It is one
    sentence, which ends with a full stop or a question mark; it names a flag, a field, or a file or
    word of the user, and no inside of the program.

    Args:
        message: The message, without what the user wrote.
        names: Flags, fields, files and words, one of which must stand in it.
    """
    if not message.isprintable():
        return "it is not one printable line"
    if len(message) > MOST_CHARACTERS:
        return f"it has {len(message)} characters"
    if message[-1:] not in (".", "?"):
        return "it does not end as a sentence"
    if re.search(r"[.?!] [A-Z][a-z]", message):
        return "it has more than one sentence"
    if not any(name in message for name in names):
        return "it names nothing that the user wrote"
    inside = INTERNAL.search(re.sub(r"'[^']*'", "", message))
    return None if inside is None else f"it holds {inside.group()!r}"


# ---- values and texts ----------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.sampled_from([0, 1, 2, 3, 5, -1, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 10**400]),
    st.integers(),
    st.sampled_from([0.0, 0.1, 0.5, 1.0, 1.5, -0.5, 1e-300, 1e300, float("inf"), float("nan")]),
    st.floats(),
)
TEXTS = st.one_of(
    st.sampled_from(["", "digits", "power-3", "power-99999999999", "top-" + "9" * 5000, "None"]),
    st.sampled_from(
        ["~", "~nobody-at-all/x", "a\nb", "\x1b[31m", "é ü", "x" * 3000, "`seed`", "'"]
    ),
    st.text(max_size=20),
)
VALUES = st.recursive(
    st.one_of(NUMBERS, TEXTS, st.booleans(), st.dates(), st.datetimes()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=8,
)


def fitting(kind: kinds.Type) -> st.SearchStrategy:
    """Values of the kind of a field, in its range or just outside of it."""
    kind = plain(kind)
    match kind:
        case kinds.IntType():
            ends = [end for end in (kind.ge, kind.le) if end is not None]
            near = [int(end) + step for end in ends for step in (-1, 0, 1, 2)]
            return st.one_of(st.sampled_from(near), st.integers(0, 300))
        case kinds.FloatType():
            ends = [end for end in (kind.ge, kind.gt, kind.le, kind.lt) if end is not None]
            return st.one_of(st.sampled_from([float(end) for end in ends]), st.floats(0, 2))
        case kinds.BoolType():
            return st.booleans()
        case kinds.LiteralType():
            return st.sampled_from([*kind.values, "other"])
        case kinds.VarTupleType():
            return st.lists(fitting(kind.item_type), max_size=4)
        case kinds.TupleType():
            return st.tuples(*map(fitting, kind.item_types)).map(list)
    return TEXTS


def values(study: Study) -> st.SearchStrategy[dict]:
    """Settings of a study by name; some names and many values are wrong."""
    fields = hints(study.config.resolve())
    single = [
        st.tuples(st.just(name), st.one_of(fitting(kinds.type_info(hint)), VALUES))
        for name, hint in fields.items()
    ]
    wrong = st.tuples(st.one_of(st.sampled_from([*fields]).map(lambda n: n[:-1]), TEXTS), VALUES)
    return st.lists(st.one_of(*single, wrong), max_size=4).map(dict)


def texts(study: Study) -> st.SearchStrategy[bytes]:
    """Files of settings: written by a TOML writer, then changed, or any bytes."""
    written = values(study).map(_toml)
    around = st.sampled_from([(b"", b""), (b"\xef\xbb\xbf", b""), (b"", b"\r\n"), (b"", b"\0")])
    parts = st.sampled_from([b"", b"[", b"=", b'"', b"\n", b"\xff", b"9"])
    changed = st.builds(_changed, written, st.integers(0, 400), parts, around)
    deep = st.integers(1, 3000).map(lambda n: b"seed = " + b"[" * n + b"]" * n)
    return st.one_of(written, changed, st.binary(max_size=60), deep)


def _changed(text: bytes, place: int, new: bytes, ends: tuple[bytes, bytes]) -> bytes:
    place = place % (len(text) + 1)
    return ends[0] + text[:place] + new + text[place:] + ends[1]


def _toml(fields: dict) -> bytes:
    try:
        return tomli_w.dumps(fields).encode("utf-8", "surrogatepass")
    except (ValueError, TypeError):  # what TOML cannot hold
        return b""


def flags(study: Study) -> st.SearchStrategy[list[str]]:
    """Words after the name of a study."""
    fields = [*hints(study.config.resolve()), "quiet", "device", "batch", "config", "zebra"]
    name = st.sampled_from(fields).map(lambda field: f"--{field.replace('_', '-')}")
    odd = st.sampled_from(
        ["nan", "-inf", "1e999", "9" * 5000, "0x10", "1_0", "", "-", "--", "-3", "٣"]
    )
    word = st.one_of(odd, TEXTS, NUMBERS.map(str_of)).map(lambda text: text.replace("\0", "\1"))
    given = st.one_of(
        st.tuples(name, word).map(list),
        st.tuples(name, word).map(lambda pair: ["=".join(pair)]),
        st.tuples(name, word, word).map(list),
        name.map(lambda flag: [flag]),
        word.map(lambda word: [word]),
        values(study).map(_words),
    )
    several = st.lists(given, max_size=3).map(lambda parts: list(itertools.chain(*parts)))
    return several.filter(lambda words: not any(re.match("-h|--help|--out", w) for w in words))


def str_of(value: object) -> str:
    """A value as a word; whole numbers of any length."""
    return hex(value) if isinstance(value, int) and abs(value) > 10**1000 else str(value)


def _words(fields: dict) -> list[str]:
    words: list[str] = []
    for name, value in fields.items():
        many = value if isinstance(value, list) else [value]
        words += [f"--{name}".replace("_", "-"), *(str_of(item)[:5000] for item in many)]
    return words


# ---- the judges ----------------------------------------------------------------------------------


def _dataset(config: object, context: object) -> xr.Dataset:
    return xr.Dataset({"number": 1.0})


class Drawing:
    """A figure that is written quickly."""

    def savefig(self, path: Path, **options: object) -> None:
        """Writes a file."""
        path.write_bytes(b"a figure")


@contextlib.contextmanager
def computing_nothing(study: Study) -> Iterator[None]:
    """Returns a context manager in which a study checks its settings and computes nothing."""
    parts = {
        study.run: common.in_context(batched=study.batched)(_dataset),
        study.table: lambda dataset: rich.table.Table("a table"),
        study.figure: lambda dataset: Drawing(),
    } | ({} if study.more is None else {study.more: lambda dataset: {}})
    places = {part: part.path.split(":") for part in parts}
    modules = {part: importlib.import_module(module) for part, (module, _) in places.items()}
    before = {part: part.resolve() for part in parts}
    try:
        for part, function in parts.items():
            setattr(modules[part], places[part][1], function)
        yield
    finally:
        for part, function in before.items():
            setattr(modules[part], places[part][1], function)


def judge_text(study: Study, text: bytes, folder: Path) -> str | None:
    """Runs a study with a file of settings; raises an `AssertionError` unless all is as it must be.

    Returns:
        The sentence by which the file was refused; None if it was read.
    """
    file = folder / "some.toml"
    file.write_bytes(text)
    return _judged(study, ["--config", str(file)], {str(file)}, folder)


def judge_flags(study: Study, words: list[str], folder: Path) -> str | None:
    """As `judge_text`, for words after the name of a study."""
    parts = [part for word in words for part in (word, word.partition("=")[2]) if part.strip()]
    own = {part[:20] for part in parts} | {repr(part)[:20] for part in parts}
    fields = {f"`{name}`" for name in hints(study.config.resolve())}
    return _judged(study, words, own | fields | {"--"}, folder)


def _judged(study: Study, words: list[str], names: set[str], folder: Path) -> str | None:
    begun, before = time.process_time(), memory()
    error, out = io.StringIO(), folder / "out"
    with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
        status = cli.main([study.name, *words, "--quiet", "--out", str(out)])
    message = error.getvalue()
    assert status in (0, 2), f"status {status}: {message[-300:]}"
    assert time.process_time() - begun < MOST_SECONDS, "too slow"
    assert memory() - before < MOST_MEMORY, "too much memory"
    if status == 0:
        assert not message, message
        config = read_config(study.config.resolve(), out / "config.toml")
        assert dataclasses.is_dataclass(config)
        return None
    start = f"nam-jax {study.name}: "
    assert message.startswith(start) and message.endswith("\n"), message
    assert not out.exists(), "a refused run left its folder"
    reason = unclear(message[len(start) : -1], names)
    assert reason is None, f"unclear, as {reason}: {message!r}"
    return message


def memory() -> int:
    """Returns the largest memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def study_named(name: str) -> Study:
    """Returns a study by its name."""
    return next(study for study in STUDIES if study.name == name)
