"""Files that are damaged, foreign, newer or made to do harm: one sentence, and nothing runs."""

import json
import os
import struct

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import nam_jax as nam
from nam_jax import data
from nam_jax.memory import PatternTensor
from nam_jax.network import Clamped, ContinuousDenseMemory, Hopfield


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.safetensors"


def content_of(module, path):
    """The structure and the arrays of the file of `module`."""
    nam.save(path, module)
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    text = json.loads(raw[8 : 8 + length])["__metadata__"]["nam_jax"]
    return json.loads(text), load_file(path)


def write(path, content, arrays):
    text = content if isinstance(content, str) else json.dumps(content)
    save_file(arrays, path, metadata={"nam_jax": text})


def assert_refused(path, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        nam.load(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ") and message.isprintable() and len(message) < 500


# Damaged and foreign


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file(share, path):
    nam.save(path, Hopfield(jnp.eye(4)))
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    assert_refused(path, "damaged or not a safetensors file")


@pytest.mark.parametrize("raw", [b"nonsense", b"\xff" * 64, b"\x80\x04K\x01.", b"PK\x03\x04" * 9])
def test_a_file_of_another_format(raw, path):
    path.write_bytes(raw)
    assert_refused(path, "damaged or not a safetensors file")


def test_a_safetensors_file_of_another_program(path):
    save_file({"weights": np.eye(3)}, path)
    assert_refused(path, r"holds no network, as it was not written by `nam_jax\.save`\.$")
    codec = data.BinaryAutoencoder(
        (8, 8, 1), 4, width=2, depth=1, key=__import__("jax").random.key(0)
    )
    data.save_codec(codec, path)
    assert_refused(path, "holds no network")


def test_an_array_of_a_dtype_that_numpy_lacks(path):
    header = b'{"x":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}'
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0")
    assert_refused(path, "damaged or not a safetensors file")


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing: there is no such file\.$"):
        nam.load(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe")  # reading it would wait for ever
    with pytest.raises(ValueError, match=r"pipe: expected a file, found a named pipe\.$"):
        nam.load(tmp_path / "pipe")


# Another format of ours


def test_a_newer_format_is_named(path):
    content, arrays = content_of(Hopfield(jnp.eye(3)), path)
    write(path, {**content, "format": 2, "version": "9.9"}, arrays)
    assert_refused(path, r"has format 2 of nam-jax '9\.9', not format 1\.$")


@pytest.mark.parametrize("number", [None, "1", 1.0, True, [1]])
def test_a_format_that_is_no_number(number, path):
    content, arrays = content_of(Hopfield(jnp.eye(3)), path)
    write(path, {**content, "format": number}, arrays)
    assert_refused(path, r"its structure names no format\.$")


# Structures that do not fit


def weights(**words):
    return {"dtype": "float32", "shape": [3, 3], **words}


def hopfield(**fields):
    arrays = {"weights": weights(), "threshold": weights(shape=[3]), "self_coupling": False}
    return {"class": "network:Hopfield", "fields": {**arrays, **fields}}


def deep(levels):
    return "[" * levels + "]" * levels


STRUCTURES = {
    "no JSON": ("{", "its structure is not JSON"),
    "an array": ("[]", "its structure names no format"),
    "deep": ('{"network": ' + deep(100_000) + "}", "nested too deeply"),
    "deep in a name": ('{"class": ' + deep(500) + ', "fields": {}}', "not known: '?\\["),
    "many digits": ('{"format": ' + "9" * 5000 + "}", r"an integer of 5000 digits\.$"),
    "twice": ('{"format": 1, "format": 1}', r"names a field twice\.$"),
    "a constant": (1.5, r"holds no network, but a float\.$"),
    "a tuple": ([1, 2], r"holds no network, but a tuple\.$"),
    "unknown words": ({"eval": "1"}, r"`network` is described by unknown words: \['eval'\]\.$"),
    "escapes": ({"\x1b[31m\n": 1}, "unknown words"),
    "no class": ({"class": "os:system", "fields": {}}, r"class that is not known: 'os:system'\.$"),
    "private": ({"class": "network:_Load", "fields": {}}, "class that is not known"),
    "abstract": ({"class": "network:AbstractNetwork", "fields": {}}, "class that is not known"),
    "a function": ({"class": "network:settle_fast", "fields": {}}, "class that is not known"),
    "no name": ({"class": ["network"], "fields": {}}, "class that is not known"),
    "missing field": (
        {"class": "network:Hopfield", "fields": {"weights": weights()}},
        r"must have the fields of network:Hopfield: weights, threshold, self_coupling\.$",
    ),
    "further field": (hopfield(__class__="os:system"), "must have the fields of network:Hopfield"),
    "fields are a list": ({"class": "network:Hopfield", "fields": []}, "must have the fields"),
    "a text": (hopfield(self_coupling="no"), r"`network\.self_coupling` is of a wrong kind, str"),
    "one for true": (hopfield(self_coupling=1), r"`network\.self_coupling` is of a wrong kind"),
    "a module": (hopfield(weights=hopfield()), r"the array `network\.weights\.weights` is missing"),
    "no array": (hopfield(weights=None), r"`network\.weights` is of a wrong kind, NoneType"),
    "another shape": (
        hopfield(weights=weights(shape=[9])),
        r"announced as 'float32' of shape \[9\] and is float32 of shape \[3, 3\]\.$",
    ),
    "another dtype": (hopfield(weights=weights(dtype="int32")), "announced as 'int32' of shape"),
    "a huge shape": (hopfield(weights=weights(shape=[2**62])), "announced as 'float32'"),
    "a key": (hopfield(weights=weights(key="threefry2x32")), "no random key of the kind"),
    "an unknown key": (hopfield(weights=weights(key="os")), "random key of an unknown kind: 'os'"),
    "no number": (hopfield(self_coupling={"float": "1e3"}), "is not a number: '1e3'"),
    "no function": (
        hopfield(self_coupling={"function": "jax.numpy:save"}),
        r"is a function that is not known: 'jax\.numpy:save'\.$",
    ),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_structure_that_no_network_has(name, path):
    structure, sentence = STRUCTURES[name]
    arrays = content_of(Hopfield(jnp.eye(3, dtype=jnp.float32)), path)[1]
    content = {"format": 1, "version": "0", "network": structure}
    if name == "deep in a name":
        content = f'{{"format": 1, "version": "0", "network": {structure}}}'
    elif isinstance(structure, str):
        content = structure
    write(path, content, arrays)
    assert_refused(path, sentence)


def test_arrays_that_the_structure_does_not_name(path):
    content, arrays = content_of(Hopfield(jnp.eye(3)), path)
    write(path, content, {**arrays, "more": np.zeros(2)})
    assert_refused(path, r"arrays that its structure does not name: 1\.$")


def test_a_tensor_in_the_place_of_a_lagrangian(path):
    content, arrays = content_of(ContinuousDenseMemory(np.ones((2, 3))), path)
    fields = content["network"]["fields"]
    fields["neural"] = fields["separation"]
    write(path, content, {name: a for name, a in arrays.items() if ".neural." not in name})
    assert_refused(path, r"`network\.neural` is of a wrong kind, Power\.$")


def test_what_a_class_checks_is_checked_and_what_init_computes_is_not(path):
    net = ContinuousDenseMemory(np.ones((2, 3)))
    content, arrays = content_of(Clamped(net, jnp.ones(3, bool), jnp.ones(3)), path)
    arrays["network.mask"] = np.ones(2, bool)
    content["network"]["fields"]["mask"]["shape"] = [2]
    write(path, content, arrays)
    assert_refused(
        path, r"`network` fails the checks of its class \(ValueError: Argument `mask` must"
    )

    # Couplings that no rule gives: `__init__` would compute others.
    content, arrays = content_of(PatternTensor(np.eye(3)), path)
    arrays["network.couplings"] = np.arange(3, dtype=arrays["network.couplings"].dtype)
    write(path, content, arrays)
    np.testing.assert_array_equal(nam.load(path).couplings, [0, 1, 2])
