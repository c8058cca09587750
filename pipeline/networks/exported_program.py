"""Networks from `.pt2` files, as torch.export.save writes them."""

import zipfile
from pathlib import Path

import torch
from torch import fx, nn
from torch.export import ExportedProgram

from taskzip.pipeline.networks.pt2_archive import clean_copy
from taskzip.pipeline.networks.refused import Refused

_EXPORT = (
    "torch.export.export(network.eval(), (x,), "
    "dynamic_shapes=({0: torch.export.Dim.DYNAMIC},), strict=False)"
)


def load_exported_program(path: Path) -> nn.Module:
    """The network in a `.pt2` file, with its weights; nothing in the file is run as code.

    Raises Refused if it holds more than data, was exported for one size of batch, or in training.
    """
    program = _read(path)
    _check_input(program)
    graph = program.module(check_guards=False)
    assert isinstance(graph, fx.GraphModule)  # noqa: S101  # what torch.export documents
    _check_evaluates(graph.graph)
    return fx.GraphModule(graph, graph.graph)  # unlike `graph`, it knows eval()


def _read(path: Path) -> ExportedProgram:
    try:
        return torch.export.load(clean_copy(path))
    except OSError as error:
        raise Refused(f"the file cannot be read ({error.strerror})") from error
    except Refused:
        raise
    except zipfile.BadZipFile as error:
        raise Refused(
            f"it is no .pt2 archive ({error}); write it with torch.export.save"
        ) from error
    except Exception as error:
        raise Refused(
            f"torch {torch.__version__} cannot read it ({type(error).__name__}: {error}); "
            "export it again with this version"
        ) from error


def _check_input(program: ExportedProgram) -> None:
    name = program.graph_signature.user_inputs[0]
    node = next(node for node in program.graph.nodes if node.name == name)
    batch = node.meta["val"].shape[0]
    if isinstance(batch, int):
        raise Refused(
            f"it was exported for batches of exactly {batch}; export it again for any: {_EXPORT}"
        )


def _check_evaluates(graph: fx.Graph) -> None:
    for node in graph.nodes:
        schema = getattr(node.target, "_schema", None)
        names = [argument.name for argument in schema.arguments] if schema else []
        given = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
        if given.get("training") is True or given.get("train") is True:
            raise Refused(f"{node.name} was exported in training mode; export it again: {_EXPORT}")
