"""Every notebook runs from top to bottom, and is kept with its outputs and without noise."""

from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
REPOSITORY = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["repo_url"]

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def outputs(notebook):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [output for cell in cells for output in cell.outputs]


def test_the_tutorial_is_there():
    assert "01_recall" in [path.stem for path in NOTEBOOKS]


@each_notebook
def test_outputs_are_kept(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 500_000
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert "image/png" in {kind for output in outputs(notebook) for kind in output.get("data", {})}
    assert_quiet(notebook)
    assert str(Path.home()) not in path.read_text() and "site-packages" not in path.read_text()


@each_notebook
def test_first_code_cell_installs_what_is_missing(path):
    notebook = nbformat.read(path, as_version=4)
    first = next(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert "except ImportError:" in first and '%pip install -q "nam-jax[experiments]"' in first


@each_notebook
def test_title_is_followed_by_a_link_to_colab(path):
    colab = REPOSITORY.replace("https://github.com", "https://colab.research.google.com/github")
    badge = "https://colab.research.google.com/assets/colab-badge.svg"
    link = f"[![Open in Colab]({badge})]({colab}/blob/main/notebooks/{path.name})"
    first = nbformat.read(path, as_version=4).cells[0]
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    assert first.source.splitlines()[1:3] == ["", link]


@each_notebook
@pytest.mark.slow  # apart from the default suite, but the gate runs it
@pytest.mark.command
def test_notebook_executes(path):
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    assert_quiet(notebook)


def assert_quiet(notebook):
    kinds = {(output.output_type, output.get("name")) for output in outputs(notebook)}
    assert kinds <= {("stream", "stdout"), ("display_data", None), ("execute_result", None)}
