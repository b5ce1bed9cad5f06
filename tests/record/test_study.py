"""Import paths, studies and contexts."""

import math

import pytest

from nam_jax.record import Context, ImportPath, Study


def test_an_import_path_calls_its_object():
    path = ImportPath("math:hypot")
    assert path.resolve() is math.hypot and path(3.0, 4.0) == 5.0


@pytest.mark.parametrize("path", ["math", "math.sqrt", ":sqrt", "math:", "math:a.b", "os; x:y", ""])
def test_an_import_path_has_one_form(path):
    with pytest.raises(
        ValueError, match=r"Argument `path` must be of the form package\.module:name"
    ):
        ImportPath(path)


def test_an_import_path_is_imported_when_it_is_used():
    path = ImportPath("no_such_module:name")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        path.resolve()


def test_figures_of_a_study_are_named():
    part = ImportPath("builtins:str")
    study = Study("a-word", "A sentence.", part, part, part, ImportPath("builtins:repr"))
    assert study.figures(3) == {"figure": "3"}
    more = Study(
        "a-word", "A sentence.", part, part, part, part, more=ImportPath("collections:Counter")
    )
    assert more.figures("a") == {"figure": "a", "a": 1}


@pytest.mark.parametrize("name", ["Retrieve", "train_codec", "", "two words", "-x"])
def test_a_study_is_named_as_a_word_of_the_command_line(name):
    part = ImportPath("builtins:str")
    with pytest.raises(ValueError, match="Argument `name` must be lower-case words"):
        Study(name, "A sentence.", part, part, part, part)


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_holds_a_sample(batch):
    with pytest.raises(ValueError, match="Argument `batch` must be at least 1"):
        Context(batch=batch)
