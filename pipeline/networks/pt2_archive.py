"""`.pt2` files without their pickles: a clean copy of what is data, for torch.export to read.

`torch.export.load` unpickles example inputs and marked tensors, loads compiled libraries and
evaluates texts of the file. The copy holds raw tensors and a checked graph, nothing else.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch.export.pt2_archive import PT2ArchiveWriter

from taskzip.pipeline.networks.pt2_graph import check_graph
from taskzip.pipeline.networks.refused import Refused

_GRAPH = "models/model.json"
_PAYLOADS = ("data/weights/", "data/constants/")
_ONE_TENSOR: dict[str, Any] = {"type": None, "context": None, "children_spec": []}
_POSITIONAL = {"type": "builtins.tuple", "context": "null", "children_spec": [_ONE_TENSOR]}
_NO_KEYWORDS = {"type": "builtins.dict", "context": "[]", "children_spec": []}
_CALL = {**_POSITIONAL, "children_spec": [_POSITIONAL, _NO_KEYWORDS]}


def clean_copy(path: Path) -> io.BytesIO:
    """The network of a `.pt2` file as an archive of raw tensors; Refused says why there is none."""
    copy = io.BytesIO()
    with zipfile.ZipFile(path) as archive, PT2ArchiveWriter(copy) as writer:
        members = _Members(archive)
        writer.write_string(_GRAPH, json.dumps(_clean_graph(members.json(_GRAPH))))
        writer.write_bytes("data/sample_inputs/model.pt", b"")
        for folder in _PAYLOADS:
            name = f"{folder}model_{folder.split('/')[1]}_config.json"
            config = members.json(name)
            writer.write_string(name, json.dumps(config))
            for file in _raw_files(config):
                writer.write_bytes(folder + file, members.read(folder + file))
    copy.seek(0)
    return copy


class _Members:
    """Files of an archive, below its one folder."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._root = archive.namelist()[0].partition("/")[0] if archive.namelist() else ""

    def read(self, name: str) -> bytes:
        try:
            return self._archive.read(f"{self._root}/{name}")
        except KeyError as error:
            raise Refused(
                f"it has no {name}; write it with torch.export.save of torch 2.9 or newer"
            ) from error

    def json(self, name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.read(name))
        return loaded


def _raw_files(config: dict[str, Any]) -> Iterator[str]:
    check_graph(config)
    files = dict.fromkeys(payload["path_name"] for payload in config["config"].values())
    for name, payload in config["config"].items():
        if payload["use_pickle"] or not payload["path_name"].startswith(("weight_", "tensor_")):
            raise Refused(
                f"{name!r} is stored as a pickle, which can run code when it is read; "
                "use plain tensors in the network and export it again"
            )
    yield from files


def _clean_graph(program: dict[str, Any]) -> dict[str, Any]:
    module = program["graph_module"]
    root = module["module_call_graph"][0]
    _check_calling(root["signature"])
    for node in module["graph"]["nodes"]:
        node["metadata"] = {}
    module["metadata"] = {}
    module["module_call_graph"] = []
    check_graph({**program, "guards_code": []})
    module["module_call_graph"] = [root]
    return {**program, "guards_code": []}


def _check_calling(signature: dict[str, Any]) -> None:
    called, returned = json.loads(signature["in_spec"]), json.loads(signature["out_spec"])
    if called != [1, _CALL] or returned != [1, _ONE_TENSOR]:
        raise Refused(
            "it does not take one tensor and return one; export a network with forward(self, x)"
        )
    if signature["inputs"] or signature["outputs"]:
        raise Refused("its signature names tensors; export it without preserved signatures")
    for name in signature["forward_arg_names"] or ():
        if not name.isidentifier():
            raise Refused(f"{name!r} is no name of an argument")
