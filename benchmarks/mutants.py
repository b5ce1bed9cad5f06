"""Plants small faults in the library and counts how many of them the tests catch.

A mutant changes one operator or one number in the body of one function. `draw` writes a list of
mutants. `prepare` runs every test file once and notes which functions of the list it calls. `run`
plants one mutant after another and runs the test files that call its function until one fails.
`table` prints the results.

    python -m benchmarks.mutants draw 60 --seed 16 mutants.json
    python -m benchmarks.mutants prepare mutants.json COPY calls.jsonl
    python -m benchmarks.mutants run mutants.json COPY calls.jsonl results.jsonl
    python -m benchmarks.mutants table mutants.json results.jsonl ...

COPY is a copy of the project with its own environment in `.venv`; its source is changed while the
tests run. `prepare` and `run` can be stopped and started again: they skip what their files hold.
"""

import argparse
import ast
import contextlib
import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "nam_jax"
PASSES = {
    "default": ({}, ["-m", "not slow", "--jaxtyping-packages=nam_jax,beartype.beartype"]),
    "x64": ({"JAX_ENABLE_X64": "1"}, ["-m", "precision and not slow"]),
}
"""The two runs of the tests in the gate: environment variables and arguments of pytest."""
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.MatMult: ast.Add, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And, ast.USub: ast.UAdd, ast.Not: ast.UAdd,
}  # fmt: skip
MARK = """
import os
if "MUTANT_MARKS" in os.environ:
    with open(os.environ["MUTANT_MARKS"], "a") as marks:
        print('"{name}"', file=marks)
"""
"""Code put at the beginning of a function; it notes that the function runs or is traced by JAX."""
FAILURES = ("FAILED ", "ERROR ")
NO_TESTS = 5
"""The exit status of pytest if a file has no tests in a pass."""
HOUR = 3600
SKIPPED = ("_figure.py", "_sources.py", "__init__.py", "__main__.py", "cli.py")
SILENT = ("argument_error", "ValueError", "TypeError", "RuntimeError", "warn", "error_if", "print")
"""Calls that only make messages; numbers in them are not changed."""
APPROXIMATE = ("tol", "step", "max_", "dpi", "size", "width", "eps")
"""Parts of argument names; no test should depend on the exact values of such arguments."""


def main() -> None:
    """Runs one of the four commands."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = parser.add_subparsers(required=True)
    for part, names in {
        draw: ["mutants"],
        prepare: ["mutants", "copy", "calls"],
        run: ["mutants", "copy", "calls", "results"],
        table: ["mutants"],
    }.items():
        command = parts.add_parser(part.__name__, help=part.__doc__)
        command.set_defaults(part=part)
        if part is draw:
            command.add_argument("number", type=int)
            command.add_argument("--seed", type=int, default=0)
        for name in names:
            command.add_argument(name, type=Path)
        if part is table:
            command.add_argument("results", type=Path, nargs="+")
    options = vars(parser.parse_args())
    options.pop("part")(**options)


def draw(number: int, seed: int, mutants: Path) -> None:
    """Writes a list of random mutants, at most one per function; all places are equally likely."""
    places = [
        {"file": str(file), "function": function, "place": place, "old": old, "new": new}
        for file in sorted(Path(PACKAGE).rglob("*.py"))
        if file.name not in SKIPPED
        for function, node in functions(ast.parse(file.read_text())).items()
        for place, (old, new) in enumerate(changes(node))
    ]
    random.Random(seed).shuffle(places)
    chosen = {}
    for place in places:
        chosen.setdefault((place["file"], place["function"]), place)
    drawn = list(chosen.values())[:number]
    entries = [{"name": f"m{i:02d}", **place} for i, place in enumerate(drawn)]
    mutants.write_text(json.dumps(entries, indent=1))
    print(f"{len(entries)} of {len(places)} places in {mutants}")


def prepare(mutants: Path, copy: Path, calls: Path) -> None:
    """Runs each test file with the unchanged library; notes functions called and tests failed."""
    entries = json.loads(mutants.read_text())
    finished = {line["file"] for line in lines(calls)}
    marks = calls.with_suffix(".marks").absolute()
    with written(marked(entries, copy)):
        for file in sorted(str(f.relative_to(copy)) for f in copy.glob("tests/**/test_*.py")):
            if file not in finished:
                marks.write_text("")
                passes = {name: tested(copy, name, file, [], HOUR, marks) for name in PASSES}
                append(calls, {"file": file, **passes, "calls": sorted(set(lines(marks)))})


def run(mutants: Path, copy: Path, calls: Path, results: Path) -> None:
    """Plants each mutant and runs the test files that call its function, nearest folders first."""
    finished = {line["name"] for line in lines(results)}
    known = lines(calls)
    for entry in json.loads(mutants.read_text()):
        if entry["name"] not in finished:
            with written(mutated(entry, copy)):
                append(results, {"name": entry["name"], **judged(entry, copy, known)})


def table(mutants: Path, results: list[Path]) -> None:
    """Prints a Markdown table: for each mutant, the pass that catches it in each results file."""
    verdicts = [{line["name"]: line for line in lines(file)} for file in results]
    print("| mutant | change | " + " | ".join(file.stem for file in results) + " |")
    print("|---" * (2 + len(results)) + "|")
    for entry in json.loads(mutants.read_text()):
        cells = [one.get(entry["name"], {}).get("caught", "-") for one in verdicts]
        change = f"`{entry['old']}` -> `{entry['new']}`" if "old" in entry else entry["text"]
        print(f"| `{entry['function']}` | {change} | " + " | ".join(map(str, cells)) + " |")
    for file, one in zip(results, verdicts, strict=True):
        print(f"{file.stem}: {sum(v['caught'] in PASSES for v in one.values())} of {len(one)}")


def functions(tree: ast.AST, prefix: str = "") -> dict[str, ast.FunctionDef]:
    """Returns the functions and methods of a module by qualified name.

    If several have the same name, the last one is returned.
    """
    named: dict[str, ast.FunctionDef] = {}
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            named |= functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef) and node.name != "_":  # cases of a dispatch
            named[prefix + node.name] = node
    return named


def changes(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Yields the source text before and after each change.

    The tree holds the change until the next one is asked for.
    """
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    for statement in statements:
        for node in _nodes(statement):
            yield from _changed(node)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yields a node and all nodes below it whose change a test should notice.

    Messages, annotations and arguments with names of `APPROXIMATE` are left out.
    """
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert):
        return
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in SILENT:
        return
    if isinstance(node, ast.keyword) and any(part in (node.arg or "") for part in APPROXIMATE):
        return
    yield node
    for name, child in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for one in child if isinstance(child, list) else [child]:
            if isinstance(one, ast.AST):
                yield from _nodes(one)


def _changed(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        yield from _with(node, node, "value", _other(node.value))
    elif isinstance(node, ast.BinOp | ast.BoolOp | ast.UnaryOp) and not _is_text(node):
        if type(node.op) in OPERATORS:
            yield from _with(node, node, "op", OPERATORS[type(node.op)]())
    elif isinstance(node, ast.Compare):
        yield from _with(node, node, "ops", [OPERATORS[type(node.ops[0])](), *node.ops[1:]])


def _with(shown: ast.AST, node: ast.AST, field: str, value: object) -> Iterator[tuple[str, str]]:
    old, before = ast.unparse(shown), getattr(node, field)
    setattr(node, field, value)
    yield old, ast.unparse(shown)
    setattr(node, field, before)


def _other(value: bool | float) -> bool | float:
    """Returns another value of the same type."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) or value == 0 else 2 * value


def _is_text(node: ast.AST) -> bool:
    return any(
        isinstance(part, ast.JoinedStr) or isinstance(getattr(part, "value", None), str)
        for part in ast.iter_child_nodes(node)
    )


def mutated(entry: dict, copy: Path) -> dict[Path, str]:
    """Returns the new texts of the files that a mutant changes."""
    texts: dict[Path, str] = {}
    if "edits" in entry:
        for name, old, new in entry["edits"]:
            file = copy / name
            text = texts[file] if file in texts else file.read_text()
            if text.count(old) != 1:
                raise LookupError(f"{entry['name']}: {name} has {text.count(old)} times {old!r}")
            texts[file] = text.replace(old, new)
        return texts
    file = copy / entry["file"]
    tree = ast.parse(file.read_text())
    for place, (old, _) in enumerate(changes(functions(tree)[entry["function"]])):
        if (place, old) == (entry["place"], entry["old"]):
            return {file: ast.unparse(tree)}  # of the changed tree
    raise LookupError(f"{entry['name']}: {entry['old']!r} is not at this place of the function")


def marked(entries: list[dict], copy: Path) -> dict[Path, str]:
    """Returns new texts of files in which the functions of the mutants note that they run."""
    trees: dict[Path, ast.Module] = {}
    for entry in entries:
        for name, function in entry.get("calls", [(entry["file"], entry["function"])]):
            file = copy / name
            tree = trees.setdefault(file, ast.parse(file.read_text()))
            node = functions(tree)[function]
            at = 1 if ast.get_docstring(node) else 0
            node.body[at:at] = ast.parse(MARK.format(name=entry["name"])).body
    return {file: ast.unparse(tree) for file, tree in trees.items()}


@contextlib.contextmanager
def written(texts: dict[Path, str]) -> Iterator[None]:
    """Writes texts into files, and restores the old texts at the end."""
    before = {file: file.read_text() for file in texts}
    try:
        for file, text in texts.items():
            file.write_text(text)
        yield
    finally:
        for file, text in before.items():
            file.write_text(text)


def judged(entry: dict, copy: Path, known: list[dict]) -> dict:
    """Returns the pass that catches a planted mutant and its first failure, if there is one."""
    parts = set(Path(entry["file"]).with_suffix("").parts)

    def rank(report: dict) -> tuple[int, float]:
        return -len(parts & set(Path(report["file"]).parts)), report["default"]["seconds"]

    for name in PASSES:
        for report in sorted(known, key=rank):
            if entry["name"] in report["calls"] and report[name]["code"] != NO_TESTS:
                limit = 120 + 5 * report[name]["seconds"]
                outcome = tested(copy, name, report["file"], report[name]["failed"], limit)
                if outcome["code"] != 0:
                    return {"caught": name, "file": report["file"], **outcome}
    return {"caught": "no", "files": sum(entry["name"] in report["calls"] for report in known)}


def tested(
    copy: Path, name: str, file: str, without: list[str], limit: float, marks: Path | None = None
) -> dict:
    """Returns the outcome of one test file: exit status, seconds, and names of failed tests.

    Args:
        copy: The copy of the project.
        name: The pass.
        file: The test file.
        without: Names of tests to leave out.
        limit: Seconds after which the run is stopped.
        marks: File in which functions note that they run; None to stop at the first failure.
    """
    variables, arguments = PASSES[name]
    command = [".venv/bin/python", "-m", "pytest", "-n0", "-q", "-rfE", "--tb=no", file, *arguments]
    command += [f"--deselect={test}" for test in without]
    environment = {**os.environ, **variables}
    if marks is None:
        command += ["-x"]
    else:
        environment["MUTANT_MARKS"] = str(marks)
    start = time.monotonic()
    with subprocess.Popen(
        command, cwd=copy, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
    failed = [
        line.partition(" ")[2].partition(" - ")[0]
        for line in output.splitlines()
        if line.startswith(FAILURES)
    ]
    seconds = round(time.monotonic() - start, 1)
    return {"code": process.returncode, "seconds": seconds, "failed": failed}


def lines(file: Path) -> list:
    """Returns the lines of a JSON-lines file; an empty list if there is no file."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def append(file: Path, line: dict) -> None:
    """Adds one line to a JSON-lines file."""
    with file.open("a") as stream:
        stream.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
