"""The room table, read from the imports: top to bottom only, each room through its front door."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import nam_jax

HOUSE = Path(nam_jax.__file__).parent
PAGE = Path(__file__).parents[1] / "docs" / "rooms.md"
BASE = {"_types", "_misc", "_precision", "_newton"}
ROOMS = {
    "_types": set(),
    "_misc": set(),
    "_precision": set(),
    "_newton": {"_misc", "_precision"},
    "_lazy": set(),
    "_paths": set(),
    "record": {"_lazy", "_paths"},
    "lagrangian": BASE,
    "data": BASE | {"record", "_lazy", "_paths"},
    "memory": BASE | {"lagrangian"},
    "interaction": BASE | {"memory", "lagrangian"},
    "network": BASE | {"interaction", "memory", "lagrangian"},
    "attention": BASE | {"network", "interaction", "memory", "lagrangian"},
    "files": BASE | {"record", "attention", "network", "interaction", "memory", "lagrangian"},
    "solve": BASE | {"network"},
    "measure": BASE | {"solve", "network", "data"},
    "train": BASE
    | {"solve", "network", "data", "measure", "memory", "lagrangian", "_lazy", "_paths"},
    "theory": BASE,
    "sweep": BASE | {"record", "solve", "measure", "data", "_lazy", "_paths"},
}
"""Room: the other rooms it may import; the same rows as in docs/rooms.md."""
ROOMS["experiment"] = set(ROOMS)
ROOMS |= {"cli": {"experiment", "sweep", "record", "_paths"}, "__main__": {"cli"}}
STUDIES = {
    "claims": {"dendritic", "hierarchy", "predictive", "retrieve", "setwise", "tokens"},
    "compare": {"train"},
}
"""Study: the other studies it may import."""
EXTRAS = [
    *("matplotlib", "sklearn", "skimage", "xarray", "zarr", "msgspec", "tomli_w", "rich"),
    *("orbax", "safetensors", "pandas", "PIL"),
]


def module_of(path):
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for path in sorted(HOUSE.rglob("*.py"))}
TREES = {module: ast.parse(path.read_text()) for module, path in FILES.items()}
PACKAGES = {module for module, path in FILES.items() if path.name == "__init__.py"}


def room_of(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def folder_of(module):
    """The package that a module lies in; a package lies in itself."""
    return module if module in PACKAGES else module.rpartition(".")[0]


def imports(module):
    """Every module named by an import anywhere in the file: at the top or inside a function."""
    modules = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = absolute(node, module)
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                modules.add(inner if inner in FILES else source)
    return modules


def absolute(node, module):
    """The module that `from ... import` names, also when it is relative."""
    if node.level == 0:
        return node.module
    package = folder_of(module)
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def ours(module):
    return {name for name in imports(module) if name.split(".")[0] == "nam_jax"}


def test_every_room_is_in_the_table():
    assert {room_of(module) for module in FILES} == set(ROOMS) | {""}


def test_the_page_on_rooms_has_the_same_rows():
    rows = re.findall(r"^\| `(\w+)` \| .* \| ([\w, ]+) \|$", PAGE.read_text(), re.MULTILINE)
    rows = {room: set(text.split(", ")) for room, text in rows}
    page, above = {}, set()
    for room, names in rows.items():
        known = {"nothing of ours": set(), "all above": set(above)}
        page[room] = known.get(next(iter(names)), names)
        above.add(room)
    assert page == ROOMS and list(page) == list(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_room_imports_only_what_the_table_allows(room):
    outside = {
        (module, name)
        for module in FILES
        if room_of(module) == room
        for name in ours(module)
        if room_of(name) not in {room, *ROOMS[room]}
    }
    assert not outside


def test_rooms_and_rooms_inside_rooms_are_entered_through_their_front_door():
    """A file `_x` of a folder is imported from that folder and from folders inside it only."""
    private = {
        (module, name)
        for module in FILES
        for name in ours(module)
        if name.split(".")[-1].startswith("_") and len(name.split(".")) > 2
        if name not in PACKAGES and folder_of(name) != "nam_jax"
        if not f"{folder_of(module)}.".startswith(f"{folder_of(name)}.")
    }
    assert not private


def test_rooms_inside_rooms_have_no_circles():
    """Between folders, not only between files: a folder's own files count as one place."""
    graph = {}
    for module in FILES:
        if module in PACKAGES:
            continue  # a front door imports all that lies behind it
        places = {folder_of(name) for name in ours(module)} - {folder_of(module), "nam_jax"}
        # What lies in `network.dense` may use files of `network` itself, whose door opens on all.
        graph.setdefault(folder_of(module), set()).update(places)
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_studies_do_not_import_each_other():
    across = {
        (module, name)
        for module in FILES
        for name in ours(module)
        if module.startswith("nam_jax.experiment.") and name.startswith("nam_jax.experiment.")
        if (study := module.split(".")[2]) != (other := name.split(".")[2])
        if other != "common" and other not in STUDIES.get(study, ())
    }
    assert not across


def test_only_figures_import_matplotlib():
    users = {
        module
        for module in FILES
        if any(name.split(".")[0] == "matplotlib" for name in imports(module))
    }
    assert users and all(
        re.fullmatch(r"nam_jax\.experiment\.(common\.\w+|\w+\._figure)", name) for name in users
    )


def test_record_imports_no_jax():
    used = {name for module in FILES if room_of(module) == "record" for name in imports(module)}
    assert used and not {name.split(".")[0] for name in used} & {"jax", "equinox", "numpy"}


def test_every_class_is_abstract_or_final():
    """No class derives from one of ours that is not named Abstract..., and abstract ones have no
    base that is concrete."""
    classes = {
        node.name
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    derived = {
        (module, node.name, ast.unparse(base))
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if (name := ast.unparse(base).split("[")[0].split(".")[-1]) in classes
        if not name.startswith("Abstract")
    }
    assert classes and not derived


def test_solve_uses_base_classes_of_networks_only():
    kinds = (
        "Network",
        "ContinuousNetwork",
        "DiscreteNetwork",
        "FeedforwardNetwork",
    )
    functions = {"AbstractSignal", "Layer", "check_cue", "frozen", "jump_times"}
    allowed = {f"nam_jax.network.{name}" for name in functions}
    allowed |= {f"nam_jax.network.Abstract{kind}" for kind in kinds}
    named = {
        f"{node.module}.{alias.name}"
        for module, tree in TREES.items()
        if room_of(module) == "solve"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and absolute(node, module).startswith("nam_jax.network")
        for alias in node.names
    }
    assert named and named <= allowed


def test_no_code_asks_for_the_class_of_a_network():
    """`isinstance` with a class of networks stands only where another class is refused at once."""
    networks = {name for name, value in vars(nam_jax.network).items() if is_network(value)}
    asked = {
        (module, ast.unparse(node))
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance"
        if networks & {part.id for part in ast.walk(node.args[1]) if isinstance(part, ast.Name)}
    }
    refusals = {
        (module, ast.unparse(node.test.operand))
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise)
        if isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
    }
    assert networks and asked <= refusals


def is_network(value):
    return isinstance(value, type) and issubclass(value, nam_jax.network.AbstractNetwork)


def test_imports_have_no_cycle_even_inside_functions():
    graph = {module: {name for name in ours(module) if name in FILES} for module in FILES}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


def test_importing_the_package_needs_none_of_the_extras():
    code = f"import sys, nam_jax; print(*(name for name in {EXTRAS} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == []


def test_importing_the_package_does_not_start_jax():
    """No import has a side effect: no device is taken and no configuration changed."""
    code = (
        "import jax; before = dict(jax.config.values); import nam_jax; "
        "from jax._src import xla_bridge; "
        "assert not xla_bridge._backends and dict(jax.config.values) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, capture_output=True)


BAD = {"found", "each", "elsewhere", "of_k"}
"""Names that say nothing of what they hold."""


def bound_names(tree):
    """Names that a file gives: to variables, arguments, functions, classes and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield (node.id if isinstance(node, ast.Name) else node.attr), node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node.lineno


def test_names_say_what_they_hold():
    root = HOUSE.parent
    rooms = ("nam_jax", "tests", "benchmarks")
    files = [path for room in rooms for path in root.joinpath(room).rglob("*.py")]
    bad = [
        f"{path.relative_to(root)}:{line} {name}"
        for path in files
        for name, line in bound_names(ast.parse(path.read_text()))
        if name in BAD
    ]
    assert files and not bad
