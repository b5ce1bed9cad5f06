"""What lies in the folder of a sweep, to compare stores bit for bit."""

from tables import toys

from nam_jax import sweep

GRID = {"size": [1, 2], "level": [0.25, 0.75]}


def files(folder, but=()):
    """The bytes of all files of a folder and in it, hidden ones too, by their path."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if not {*but} & {*path.relative_to(folder).parts}
    }


def places(folder):
    """What changes when a chunk is written anew, by the name of its file."""
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in (folder / "chunks").glob("*.safetensors")
    }


def marks(folder):
    """How many times each unit was computed, by its mark."""
    return {path.name: len(path.read_text().splitlines()) for path in sorted(folder.iterdir())}


def run(folder, grid=None, *, study=toys.ONE_BY_ONE, **options):
    """A sweep of four points and two seeds, in chunks of three units, unless told otherwise."""
    options = {"seeds": 2, "chunk": 3} | options
    return sweep.run(study, GRID if grid is None else grid, store=folder, **options)
