"""A task's network from wherever the config says: user code, a library's name, or a file."""

from collections.abc import Callable
from pathlib import Path

from torch import nn

from taskzip.contracts.config import TaskConfig
from taskzip.contracts.errors import BadInput
from taskzip.pipeline.networks.exported_program import load_exported_program
from taskzip.pipeline.networks.functions import find_function
from taskzip.pipeline.networks.keras_file import load_keras_file
from taskzip.pipeline.networks.libraries import LIBRARIES, build_from_library
from taskzip.pipeline.networks.refused import Refused
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.networks.weights import check_floats, load_weights

_FILES: dict[str, Callable[[Path], nn.Module]] = {
    ".pt2": load_exported_program,
    ".keras": load_keras_file,
    ".h5": load_keras_file,
}


def load_network(task: TaskConfig, code: UserFolder) -> nn.Module:
    """The trained network in eval mode, all floats float32 and finite; BadInput names the task."""
    where = f"task {task.name}: network {task.network}"
    try:
        network = _build(task, code, where)
    except Refused as error:
        raise BadInput(f"{where}: {error}") from error
    if task.weights is not None:
        try:
            load_weights(network, task.weights)
        except BadInput as error:
            raise BadInput(f"task {task.name}: {error}") from error
    check_floats(network, where)
    return network.eval()


def _build(task: TaskConfig, code: UserFolder, where: str) -> nn.Module:
    file = task.network_file
    if file is not None:
        return _FILES[file.suffix.lower()](file)
    library, _, name = task.network.partition(":")
    if library in LIBRARIES and not code.has(library):
        return build_from_library(library, name, task.network_options)
    return _call_factory(task, code, where)


def _call_factory(task: TaskConfig, code: UserFolder, where: str) -> nn.Module:
    factory = find_function(task.network, code, where)
    try:
        network = factory(**task.network_options)
    except Exception as error:
        raise Refused(f"failed with {type(error).__name__}: {error}") from error
    if not isinstance(network, nn.Module):
        raise Refused(
            f"returned an object of type {type(network).__name__}; a torch.nn.Module is needed"
        )
    return network
