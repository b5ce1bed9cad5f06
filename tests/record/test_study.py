"""Import paths, studies and contexts."""

import math

import pytest

from nam_jax.record import Context, ImportPath, Study


def study_of(**fields):
    part = ImportPath("builtins:str")
    words = {"name": "a-word", "summary": "A sentence.", "group": "try"}
    times = {"example": "a-word --fast", "seconds": 1}
    return Study(**words | times | dict.fromkeys(PARTS, part) | fields)


PARTS = ("config", "run", "table", "figure")


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
    study = study_of(figure=ImportPath("builtins:repr"))
    assert study.figures(3) == {"figure": "3"}
    more = study_of(more=ImportPath("collections:Counter"))
    assert more.figures("a") == {"figure": "a", "a": 1}


@pytest.mark.parametrize("name", ["Retrieve", "train_codec", "", "two words", "-x"])
def test_a_study_is_named_as_a_word_of_the_command_line(name):
    with pytest.raises(ValueError, match="Argument `name` must be lower-case words"):
        study_of(name=name)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"group": "play"}, "Argument `group` must be one of try, measure, .* but has 'play'"),
        ({"example": "other --fast"}, "Argument `example` must start with the name a-word, but"),
        ({"example": ""}, "Argument `example` must start with the name a-word, but has ''"),
        ({"seconds": 0}, "Argument `seconds` must be at least 1, but has 0"),
    ],
)
def test_what_the_help_says_of_a_study_is_checked(fields, message):
    with pytest.raises(ValueError, match=message):
        study_of(**fields)


def test_the_help_of_a_study_starts_with_its_example():
    assert study_of(seconds=119).opening == (
        "example (about 119 s on two cores):\n  nam-jax a-word --fast\n\nA sentence."
    )
    for seconds, time in ((120, "2 min"), (121, "3 min"), (180, "3 min")):
        assert study_of(seconds=seconds).opening.startswith(f"example (about {time} on two cores):")


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_holds_a_sample(batch):
    with pytest.raises(ValueError, match="Argument `batch` must be at least 1"):
        Context(batch=batch)
