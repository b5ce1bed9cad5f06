"""The command `nam-jax`, mostly in this process: results, reproducibility and refusals."""

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib

import pytest
import xarray as xr
from matplotlib.figure import Figure
from rich.table import Table

import nam_jax as nam
from nam_jax import cli, sweep
from nam_jax.cli._parsers import completion_parser, plot_parser, whole_parser
from nam_jax.experiment import STUDIES, SWEEP, retrieve
from nam_jax.record import GROUPS, ConfigError, read_config, read_flags


def stop(*words):
    """The exit status, whether `main` returns it or argparse raises it."""
    try:
        return cli.main(words)
    except SystemExit as error:
        return error.code


@pytest.fixture
def toy(monkeypatch):
    """`nam-jax retrieve` that computes nothing; what it is given replaces its parts."""

    def replace(**parts):
        quick = {
            "run": lambda config, context: xr.Dataset({"seed": config.seed}),
            "table": lambda dataset: Table("a table"),
            "figure": lambda dataset: Figure(),
        }
        for name, part in (quick | parts).items():
            monkeypatch.setattr(getattr(retrieve.study, name).path.replace(":", "."), part)

    replace()
    return replace


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_help_lists_every_field(study, capsys):
    assert stop(study.name, "--help") == 0
    text = capsys.readouterr().out
    fields = [field.name for field in dataclasses.fields(study.config.resolve())]
    for field in [*fields, "config", "out", "quiet", "device", "precision"]:
        assert f"--{field.replace('_', '-')}" in text
    assert ("--batch INT" in text) == study.batched


def test_help_lists_every_command_under_what_users_want_to_do(capsys):
    assert stop("--help") == 0
    text = capsys.readouterr().out
    assert text.index("\ntools: ") < text.index("\noptions:") < text.index("exit status")
    assert max(map(len, text.splitlines())) <= 100
    listed = []
    for group, meaning in GROUPS.items():
        (block,) = (part for part in text.split("\n\n") if part.startswith(f"{group}: {meaning}\n"))
        rows = dict(re.findall(r"^  ([a-z-]+) +(\S.*)$", block, re.MULTILINE))
        assert len(rows) >= 3 and len(rows) == len(block.splitlines()) - 1
        assert all(summary.endswith(".") for summary in rows.values())
        members = {study.name: study.summary for study in STUDIES if study.group == group}
        assert rows == members or group == "tools"
        listed += rows
    tools = [SWEEP.name, "plot", "completion"]
    assert sorted(listed) == sorted([*(study.name for study in STUDIES), *tools])


@pytest.mark.parametrize(
    "words",
    [*([study.name] for study in STUDIES), ["sweep"], ["sweep", "rate"], ["plot"], ["completion"]],
    ids="-".join,
)
def test_help_of_a_command_starts_with_an_example_and_its_time(words, capsys):
    assert stop(*words, "--help") == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    start = rf"usage: nam-jax {words[0]}.*\n\nexample \(about \d+ (s|min) on two cores\):\n"
    command = re.match(rf"{start}  nam-jax (.*)\n\n[A-Z].*\.\n", text)
    assert command is not None
    name, *rest = shlex.split(command[2])
    assert name == words[0]
    if name == "sweep":
        assert sweep.read_words(rest, STUDIES).config.grid
    elif name in {study.name for study in STUDIES}:
        (study,) = (study for study in STUDIES if study.name == name)
        settings = read_flags(study, rest).settings
        assert (settings == study.config()) == (rest == [])
    else:
        parser = {"plot": plot_parser, "completion": completion_parser}[name]()
        assert vars(parser.parse_args(rest))


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "COMMAND"),
        (["remember"], "remember"),
        (["retrieve", "--zebra", "1"], "--zebra"),
        (["retrieve", "--num-patterns", "three"], "--num-patterns"),
        (["retrieve", "--dynamics", "quantum"], "--dynamics"),
        (["basin", "--batch", "2"], "--batch"),
        (["completion"], "SHELL"),
        (["completion", "elvish"], "'elvish' (choose from"),
    ],
)
def test_wrong_words_stop_with_2(words, named, capsys):
    assert stop(*words) == 2
    captured = capsys.readouterr()
    assert named in captured.err and captured.out == ""


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (
            ["--num-patterns", "0"],
            ["--num-patterns: argument `num_patterns` must be", "from 1", "'0'"],
        ),
        (["--end-time", "inf"], ["--end-time: argument `end_time` must be a number from", "inf"]),
        (["--config", "missing.toml"], ["missing.toml", "cannot be read"]),
        (["--source", "digits"], ["autoencoder", "(32, 32, 3)", "digits"]),
        (["--source", "digits", "--codec", "threshold", "--level", "2"], ["[0, 1]", "2.0"]),
        (["--source", "missing-folder"], ["missing-folder", "does not exist"]),
        (["--device", "abacus"], ["--device: argument `device`", "abacus"]),
        (["--precision", "low"], ["--precision: argument `precision`", "highest", "low"]),
        (["--device", "cpu:99"], ["`device`", "cpu has", "cpu:99"]),
        (["--batch", "0"], ["--batch: argument `batch`", "from 1"]),
        (["--seed", str(2**63)], ["--seed: argument `seed`", "to 9223372036854775807"]),
        (["--seed", "-1"], ["--seed: argument `seed`", "from 0"]),
        (["--level", "1.5"], ["--level: argument `level`", "[0, 1]"]),
        (
            ["--num-bits", "99999999999"],
            ["--num-bits: argument `num_bits`", "from 2 to 2147483647"],
        ),
        (
            ["--codec", "projection", "--num-bits", "9999999"],
            ["argument `num_bits` must be smaller"],
        ),
        (["--zebra", "1"], ["`--zebra` is no flag"]),
        (["--sead", "1"], ["did you mean `--seed`?"]),
        (["--num-patterns", "three"], ["--num-patterns", "'three'"]),
        (["--step"], ["--step", "expected one argument"]),
        (["--dynamics", "quantum"], ["--dynamics", "one of certified, released", "'quantum'"]),
        (["stray"], ["'stray' follows no flag"]),
        (["--source", "a\0b"], ["--source: argument `source` must be text without control"]),
        (["--config", "~nobody-at-all/c.toml"], ["~nobody-at-all"]),
        (["--solver", "euler"], ["`step` must be given"]),
    ],
)
def test_wrong_values_stop_with_2_and_one_line(words, named, tmp_path, capsys):
    out = tmp_path / "out"
    assert stop("retrieve", *words, "--out", str(out), "--quiet") == 2
    refused_in_one_line(capsys, named)
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("num_pattern = 3", ["unknown key `num_pattern`", "did you mean `num_patterns`?"]),
        ("seed = 'one'", ["key `seed` must be a whole number", "'one'"]),
        ("rtol = -1.0", ["key `rtol` must be a number from 1e-12", "-1.0"]),
        ("seed", ["is not TOML"]),
    ],
)
def test_wrong_config_stops_with_2_and_one_line(text, named, tmp_path, capsys):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    assert stop("retrieve", "--config", str(path), "--out", str(tmp_path / "out")) == 2
    refused_in_one_line(capsys, [str(path), *named])
    assert [item.name for item in tmp_path.iterdir()] == ["bad.toml"]


def test_truncated_cifar_file_stops_with_2(tmp_path, capsys):
    path = tmp_path / "data_batch_1.bin"
    path.write_bytes(bytes(3 * 3073 - 100))
    words = ["--source", str(path), "--num-patterns", "2", "--out", str(tmp_path / "out")]
    assert stop("retrieve", *words) == 2
    refused_in_one_line(capsys, [str(path), "3073", str(3 * 3073 - 100)])
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_unwritable_out_folder_stops_with_2_before_the_run(tmp_path, toy, capsys):
    def run(config, context):
        raise AssertionError("The experiment must not start.")

    toy(run=run)
    file = tmp_path / "file"
    file.write_text("mine")
    assert stop("retrieve", "--out", str(file / "below")) == 2
    refused_in_one_line(capsys, [str(file)])
    assert file.read_text() == "mine"


def test_flags_overrule_the_file(tmp_path, toy, capsys):
    path, out = tmp_path / "some.toml", tmp_path / "out"
    path.write_text("seed = 5\nlevel = 0.2\n")
    assert stop("retrieve", "--seed", "7", f"--config={path}", "--out", str(out)) == 0
    assert "a table" in capsys.readouterr().out
    used = read_config(retrieve.study.config.resolve(), out / "config.toml")
    assert used == retrieve.study.config(seed=7, level=0.2)


def test_a_fault_inside_a_run_stops_with_1_and_keeps_its_traceback(tmp_path, toy, capsys):
    def broken(dataset):
        raise ValueError("no figure today")

    out, earlier = tmp_path / "new" / "out", tmp_path / "earlier"
    assert stop("retrieve", "--seed", "1", "--out", str(earlier), "--quiet") == 0
    toy(figure=broken)
    for folder in (out, earlier):
        assert stop("retrieve", "--seed", "2", "--out", str(folder), "--quiet") == 1
        log = folder / "log.txt"
        refused_in_one_line(capsys, ["the run failed", "no figure today", str(log)])
        assert "in broken" in log.read_text()
    assert [item.name for item in out.iterdir()] == ["log.txt"]
    assert len(list(earlier.iterdir())) == 4
    assert tomllib.loads((earlier / "config.toml").read_text())["seed"] == 1


def test_a_fault_of_a_library_function_is_no_wrong_input(tmp_path, monkeypatch, capsys):
    def faulty(*args, **options):
        raise ValueError("Argument `patterns` must have shape (K, N), but has shape (3,).")

    monkeypatch.setattr("nam_jax.measure.basin", faulty)
    assert stop("basin", "--quiet", "--out", str(tmp_path)) == 1
    assert "the run failed. ValueError: Argument `patterns`" in capsys.readouterr().err


def test_a_run_that_is_interrupted_stops_with_130_and_one_line(tmp_path, toy, capsys):
    def run(config, context):
        raise KeyboardInterrupt

    toy(run=run)
    assert stop("retrieve", "--quiet", "--out", str(tmp_path / "out")) == 130
    assert capsys.readouterr().err == "nam-jax: interrupted; nothing was written.\n"
    assert list(tmp_path.iterdir()) == []


def test_a_home_folder_is_expanded(tmp_path, toy, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "c.toml").write_text("seed = 5")
    assert stop("retrieve", "--quiet", "--config=~/c.toml", "--out=~/out") == 0
    assert "seed = 5" in (tmp_path / "out" / "config.toml").read_text()


def test_a_switch_may_be_given_again_and_taken_back(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("fast = true")
    (study,) = (study for study in STUDIES if study.name == "claims")
    for words, fast in (
        (["--config", str(path)], True),
        (["--config", str(path), "--fast"], True),
        (["--config", str(path), "--no-fast"], False),
        (["--fast"], True),
        ([], False),
    ):
        assert read_flags(study, words).settings.fast is fast


def test_lists_and_negative_numbers_are_read_from_flags():
    (study,) = (study for study in STUDIES if study.name == "lesion")
    words = ["--tones", "-8", "-1e-3", "-.5", "2", "--num_sets=3", "--cuts", "0.5", "--seed", "7"]
    used = read_flags(study, words).settings
    assert used == study.config(tones=(-8.0, -1e-3, -0.5, 2.0), num_sets=3, cuts=(0.5,), seed=7)
    for word, level in ((".5", 0.5), ("+0.25", 0.25), ("0.", 0.0), ("1e-1", 0.1)):
        assert read_flags(study, ["--level", word]).settings == study.config(level=level)
    (study,) = (study for study in STUDIES if study.name == "dendritic")
    words = ["--scaling-joint", *["3", "4", "2", "5", "6", "2"], "--num-inhibitory", "3", "4"]
    used = read_flags(study, [*words, "--thresholds", "None"]).settings
    triples = ((3, 4, 2), (5, 6, 2))
    assert used == study.config(scaling_joint=triples, num_inhibitory=(3, 4))
    with pytest.raises(ConfigError, match=r"--scaling-joint: argument .* must be a list"):
        read_flags(study, words[:3])


def test_a_wrong_value_is_told_where_it_was_written(tmp_path, toy, capsys):
    def run(config, context):
        raise ConfigError(f"Argument `level` must lie in [0, 1], but has {config.level}.")

    toy(run=run)
    path = tmp_path / "c.toml"
    path.write_text("level = 2.0")
    told = read_flags(retrieve.study, ["--config", str(path)]).as_written
    assert told("Arguments `gain`, `level` must be 1.") == (
        f"{path}: keys `gain`, `level` must be 1."
    )
    assert told("Argument `gain` must be 1.") == "--gain: argument `gain` must be 1."
    assert told("Argument `zebra` must be 1.") == "Argument `zebra` must be 1."
    out = ["--out", str(tmp_path / "out")]
    assert stop("retrieve", "--config", str(path), *out) == 2
    refused_in_one_line(capsys, [f"{path}: key `level` must lie in [0, 1], but has 2.0."])
    assert stop("retrieve", "--config", str(path), "--level", "3", *out) == 2
    refused_in_one_line(capsys, ["--level: argument `level` must lie in [0, 1], but has 3.0."])


def test_a_config_that_is_no_ordinary_file_is_refused(tmp_path, capsys):
    pipe, large = tmp_path / "pipe", tmp_path / "large"
    os.mkfifo(pipe)
    large.write_bytes(b"#" * 2**21)
    for path, reason in ((pipe, "no ordinary file"), (large, "more than 1048576 bytes")):
        assert stop("retrieve", "--config", str(path)) == 2
        refused_in_one_line(capsys, [str(path), reason])


def test_plot_draws_the_figures_of_a_run_anew(tmp_path, toy, capsys):
    out, other = tmp_path / "out", tmp_path / "other"
    assert stop("retrieve", "--seed", "7", "--quiet", "--out", str(out)) == 0
    (out / "figure.png").unlink()
    assert stop("plot", str(out)) == 0 and stop("plot", str(out), "--out", str(other)) == 0
    assert capsys.readouterr().out == f"{out}: figure.png\n{other}: figure.png\n"
    assert (out / "figure.png").exists() and [path.name for path in other.iterdir()] == [
        "figure.png"
    ]
    assert stop("plot", str(out), "--format", "pdf") == 0
    assert capsys.readouterr().out == f"{out}: figure.pdf\n" and (out / "figure.pdf").exists()
    assert stop("plot", str(out), "--format", "bmp") == 2
    assert "nam-jax plot: argument --format: invalid choice: 'bmp'" in capsys.readouterr().err
    assert stop("retrieve", "--format", "bmp") == 2
    refused_in_one_line(capsys, ["--format: argument `format`", "'bmp'"])
    dataset, config = nam.load(out)
    assert config == retrieve.study.config(seed=7) and int(dataset.seed) == 7
    assert dataset.attrs["study"] == "retrieve"


def test_plot_refuses_what_is_no_run(tmp_path, capsys):
    for words, named in (
        ([str(tmp_path)], "it has no config.toml"),
        ([str(tmp_path / "no")], "it has no config.toml"),
    ):
        assert stop("plot", *words) == 2
        error = capsys.readouterr().err
        assert error.startswith("nam-jax plot: ") and named in error and error.count("\n") == 1
    assert stop("plot") == 2 and stop("plot", str(tmp_path), "--zebra") == 2
    with pytest.raises(ValueError, match=r"it has no config\.toml"):
        nam.load(tmp_path)


STOPPED = """
import gc, os, signal, sys, time
from nam_jax import cli
from nam_jax.experiment.retrieve import _run
number, when = getattr(signal, sys.argv[1]), sys.argv[2]
# Shells let processes in the background ignore some signals.
signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
def send(*args):
    os.kill(os.getpid(), number)
    sum(range(9))  # the signal is handled here
    if send in gc.callbacks:
        gc.callbacks.remove(send)
def run(config, context):
    (context.folder / "half").write_text("half")
    if when == "importing":
        sys.path.insert(0, "modules")
        import interrupted
        time.sleep(30)
    if when == "collecting":
        gc.callbacks.append(send)
        gc.collect()
    else:
        send()
    time.sleep(30)
_run.run = run
sys.exit(cli.main(["retrieve", "--out", "new/out"]))
"""


IMPORTED = """
import __main__
try:
    __main__.send()
except BaseException as error:
    raise ImportError("as extension modules do") from error
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals.")
@pytest.mark.parametrize("when", ["running", "collecting", "importing"])
@pytest.mark.parametrize(
    ("name", "status"),
    [("SIGINT", 130), ("SIGTERM", 143), pytest.param("SIGHUP", 129, marks=pytest.mark.slow)],
)
def test_a_run_that_is_stopped_from_outside_clears_up(name, status, when, tmp_path):
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "interrupted.py").write_text(IMPORTED)
    done = subprocess.run(
        [sys.executable, "-c", STOPPED, name, when],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == status
    assert done.stderr == "nam-jax: interrupted; nothing was written.\n"
    assert list(tmp_path.iterdir()) == [modules]


CLOSED = """
import sys, xarray, matplotlib.figure, rich.table
import nam_jax as nam
from nam_jax import cli
from nam_jax.experiment.retrieve import _run, _figure
_run.run = lambda config, context: xarray.Dataset({"seed": config.seed})
_run.table = lambda dataset: rich.table.Table("a table")
_figure.retrieve = lambda dataset: matplotlib.figure.Figure()
sys.exit(cli.main(sys.argv[1:]))
"""


def test_any_text_is_printed_in_any_encoding(tmp_path):
    code = CLOSED.replace("a table", "\u00b1 table")
    done = subprocess.run(
        [sys.executable, "-c", code, "retrieve", "--out", "\u00e9"],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "COLUMNS": "80"},
    )  # fmt: skip
    assert done.returncode == 0 and "recalling" not in done.stderr
    assert r"\xb1 table" in done.stdout and r"\xe9: config.toml" in done.stdout


@pytest.mark.parametrize("words", [["--help"], ["basin", "--help"], ["retrieve", "--out", "out"]])
def test_a_closed_pipe_is_no_error(words, tmp_path):
    """As of `nam-jax ... | head`, when what reads has ended."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-c", CLOSED, *words],
            stdout=writing, stderr=subprocess.PIPE, text=True, timeout=120, cwd=tmp_path,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out" / "result.zarr").exists() == ("--out" in words)


WITHOUT_EXTRAS = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
import nam_jax as nam
from nam_jax import cli
sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["retrieve", "--help"], 1),
        (["retrieve"], 1),
        (["completion", "bash"], 1),
    ],
)
def test_without_the_extra_one_sentence_says_what_to_install(words, status, tmp_path):
    extras = "msgspec,tomli_w,rich,matplotlib,xarray,zarr,orbax,sklearn,skimage,safetensors,shtab"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS, extras, *words],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == status
    if status:
        assert done.stderr.count("\n") == 1 and 'pip install "nam-jax[experiments]"' in done.stderr
    else:
        assert done.stderr == "" and done.stdout


def test_a_package_that_only_the_figure_needs_is_told_before_the_run(tmp_path):
    words = ["retrieve", "--out", "out"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS, "matplotlib", *words],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1 and done.stderr.startswith("nam-jax: matplotlib is missing; ")
    assert list(tmp_path.iterdir()) == []


def refused_in_one_line(capsys, named):
    captured = capsys.readouterr()
    assert captured.err.startswith("nam-jax retrieve: ") and captured.err.count("\n") == 1
    assert all(part in captured.err for part in named), captured.err
    assert captured.out == ""


@pytest.mark.command
def test_python_m_nam_jax():
    words = [sys.executable, "-m", "nam_jax", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == ""
    assert all(study.name in done.stdout for study in STUDIES)


def actions_of(parser):
    """All actions of a parser and of the parsers inside it."""
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for inner in action.choices.values():
                yield from actions_of(inner)
        else:
            yield action


def test_shells_offer_something_for_every_text():
    """A new field of text is a path, of which `record` must know, or takes names."""
    none = {"grid", "zip", "seeds", "chunk", "workers", "scheduler", "only"}
    missing = {
        action.dest
        for action in actions_of(whole_parser())
        if action.nargs != 0 and action.metavar not in {"INT", "FLOAT"}
        if not action.choices and not hasattr(action, "complete")
    }
    assert missing == none


@pytest.mark.command
@pytest.mark.skipif(shutil.which("bash") is None, reason="There is no bash.")
def test_bash_completes_commands_flags_names_and_paths(tmp_path):
    (tmp_path / "some.toml").touch()
    (tmp_path / "some-folder").mkdir()
    expected = {
        ("re",): {"retrieve", "recognise", "reduce"},
        ("retrieve", "--dy"): {"--dynamics"},
        ("retrieve", "--dynamics", ""): {"certified", "released"},
        ("capacity", "--memories", "power-2", "st"): {"storkey"},
        ("dendritic", "--fast", "--parts", "raster", "si"): {"size"},
        ("transformer", "--attentions", "so"): {"softmax"},
        ("retrieve", "--device", ""): {"cpu", "gpu", "tpu"},
        ("retrieve", "--config", "so"): {"some.toml", "some-folder"},
        ("retrieve", "--out", "so"): {"some-folder"},
        ("plot", "so"): {"some-folder"},
        ("sweep", "rec"): {"recognise"},
        ("sweep", "rate", "--upd"): {"--updates"},
        ("completion", ""): {"bash", "zsh", "tcsh"},
    }
    lines = ['eval "$($NAM_JAX completion bash)"', "function=$(complete -p nam-jax)"]
    lines += ["function=${function#*-F }", "function=${function%% *}"]
    for words in expected:
        line = shlex.join(["nam-jax", *words])
        lines += [f"COMP_WORDS=({line}); COMP_CWORD={len(words)}", "COMPREPLY=(); $function"]
        lines += ['echo "${COMPREPLY[@]}"']
    done = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(lines)],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
        env=os.environ | {"NAM_JAX": shlex.join([sys.executable, "-m", "nam_jax"])},
    )  # fmt: skip
    offered = [set(line.split()) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and dict(zip(expected, offered, strict=True)) == expected
