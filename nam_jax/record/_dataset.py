"""A Dataset as the bytes of a safetensors file, with a digest of its content; no code in it.

Arrays of numbers are tensors of the file. The header holds names of dimensions, attributes, and
variables of text as JSON, with the SHA-256 digest of all content.
"""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from nam_jax._lazy import extra
from nam_jax.record._attributes import as_json, from_json

if TYPE_CHECKING:
    import xarray as xr

CONTENT = "content"


def to_bytes(dataset: "xr.Dataset") -> bytes:
    """Returns a Dataset as the bytes of a safetensors file; equal Datasets give equal bytes.

    Args:
        dataset: Its variables hold numbers, booleans or text.
    """
    with extra("A store of chunks"):
        from safetensors import numpy as files
    arrays, texts = {}, {}
    plain = as_json(dataset)
    for name, variable in plain.variables.items():
        if variable.dtype.kind in "UO":
            texts[str(name)] = [str(item) for item in variable.values.ravel()]
        else:
            arrays[str(name)] = variable.values.copy(order="C")
    content = {
        "attrs": plain.attrs,
        "coords": [str(name) for name in plain.coords],
        "order": [str(name) for name in (*plain.data_vars, *plain.coords)],
        "dims": {str(name): list(map(str, v.dims)) for name, v in plain.variables.items()},
        "shapes": {str(name): list(v.shape) for name, v in plain.variables.items()},
        "variable_attrs": {str(name): v.attrs for name, v in plain.variables.items()},
        "texts": texts,
    }
    written = json.dumps(content, sort_keys=True)
    digest = _digest(arrays, written)
    # One text, because the order of several in the header is random.
    return files.save(arrays, metadata={CONTENT: json.dumps([digest, written])})


def from_bytes(data: bytes) -> "xr.Dataset":
    """Returns the Dataset whose bytes `to_bytes` returned.

    Raises:
        ValueError: If the bytes are damaged, cut, or no such file.
    """
    with extra("A store of chunks"):
        import xarray as xr
    arrays, content = _read(data)
    try:
        variables = {name: _variable(name, arrays, content) for name in content["order"]}
        coords = {name: variables.pop(name) for name in content["coords"]}
        return from_json(xr.Dataset(variables, coords, content["attrs"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it holds no Dataset ({error})") from error


def _variable(name: str, arrays: dict[str, Any], content: dict[str, Any]) -> Any:
    import xarray as xr

    shape = content["shapes"][name]
    if name in arrays:
        values = arrays[name]
    else:
        values = xr.Variable(("text",), content["texts"][name]).values.astype(str)
    return content["dims"][name], values.reshape(shape), content["variable_attrs"][name]


def _read(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the arrays and the content of a file whose digest fits."""
    from safetensors import SafetensorError
    from safetensors import numpy as files

    try:
        arrays = files.load(data)
        length = int.from_bytes(data[:8], "little")
        digest, written = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][CONTENT])
    # A TypeError or AttributeError comes from dtypes that NumPy lacks.
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("it is cut, or no file of a store") from error
    if _digest(arrays, written) != digest:
        raise ValueError("its content does not fit its digest")
    return arrays, json.loads(written)


def _digest(arrays: dict[str, Any], written: str) -> str:
    digest = hashlib.sha256(written.encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
