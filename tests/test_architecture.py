"""The room table, read from the imports: left to right only, each room through its front door."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import nam_jax

HOUSE = Path(nam_jax.__file__).parent
BASE = {"_types", "_misc"}
FIRST = {"lagrangian", "data", "memory", "network", "solve", "measure", "train", "theory", "sweep"}
# Room: the other rooms it may import, as in the table of the architecture page.
ROOMS = {
    "_types": set(),
    "_misc": set(),
    "lagrangian": BASE,
    "data": BASE,
    "memory": BASE | {"lagrangian"},
    "network": BASE | {"memory", "lagrangian"},
    "solve": BASE | {"network"},
    "measure": BASE | {"solve", "network", "data"},
    "train": BASE | {"solve", "network", "data", "measure", "memory", "lagrangian"},
    "theory": BASE,
    "sweep": BASE | {"solve", "measure", "data"},
    "experiment": BASE | FIRST,
    "plot": {"theory"},
    "cli": {"experiment", "sweep", "plot"},
    "__main__": {"cli"},
}
EXTRAS = [
    *("matplotlib", "sklearn", "skimage", "xarray", "zarr", "tyro", "msgspec", "tomli_w", "rich"),
    *("orbax", "safetensors", "pandas", "PIL"),
]


def module_of(path):
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for path in sorted(HOUSE.rglob("*.py"))}


def room_of(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports(module):
    """Every module named by an import anywhere in the file: at the top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(FILES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = absolute(node, module)
            for alias in node.names:
                inner = f"{source}.{alias.name}"
                found.add(inner if inner in FILES else source)
    return found


def absolute(node, module):
    """The module that `from ... import` names, also when it is relative."""
    if node.level == 0:
        return node.module
    package = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def ours(module):
    return {name for name in imports(module) if name.split(".")[0] == "nam_jax"}


def test_every_room_is_in_the_table():
    assert {room_of(module) for module in FILES} <= set(ROOMS) | {""}


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


def test_other_rooms_are_entered_through_their_front_door():
    """No import of another room's private file; `_types` and `_misc` are open to all."""
    private = {
        (module, name)
        for module in FILES
        for name in ours(module)
        if room_of(name) != room_of(module)
        and any(part.startswith("_") for part in name.split(".")[2:])
    }
    assert not private


def test_only_plot_imports_matplotlib():
    users = {
        module
        for module in FILES
        if any(name.split(".")[0] == "matplotlib" for name in imports(module))
    }
    assert {room_of(module) for module in users} <= {"plot"}


def test_solve_uses_base_classes_of_networks_only():
    kinds = (
        "Network",
        "ContinuousNetwork",
        "DiscreteNetwork",
        "EnergyNetwork",
        "FeedforwardNetwork",
    )
    allowed = {f"nam_jax.network.Abstract{kind}" for kind in kinds} | {"nam_jax.network.Layer"}
    named = {
        f"{node.module}.{alias.name}"
        for module, path in FILES.items()
        if room_of(module) == "solve"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and absolute(node, module).startswith("nam_jax.network")
        for alias in node.names
    }
    assert named and named <= allowed


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
