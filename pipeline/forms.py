"""In which form each partly shared layer goes into the files of a runtime."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

import torch
from torch import nn

from taskzip.contracts.config import ExportConfig, FormChoice
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import LayerForm, Runtime
from taskzip.pipeline.exporters.tensors import outputs_of
from taskzip.pipeline.zipper.forms import PartlySharedLayer, partly_shared_layers
from taskzip.pipeline.zipper.joint import JointNetwork

Layers = Mapping[str, Sequence[PartlySharedLayer]]
"""By the name that they have in common."""


def layers_by_name(joint: JointNetwork) -> Layers:
    """The layers that tasks share in part."""
    found: dict[str, list[PartlySharedLayer]] = {}
    for each in partly_shared_layers(joint):
        found.setdefault(each.name, []).append(each)
    return found


def chosen_forms(
    layers: Layers, config: ExportConfig, runtime: Runtime, positions: Mapping[str, int]
) -> dict[str, LayerForm]:
    """The form of every layer in the joint file of that runtime.

    `positions`: how often each weight of a layer is used in an inference. BadInput names a layer
    that the runtime cannot hold in the form that is asked for, or that is not there.
    """
    asked = _asked(layers, config.form)
    can_assemble = runtime == "executorch" and config.can_assemble
    found: dict[str, LayerForm] = {}
    for name, some in layers.items():
        if asked[name] == "assembled" and not can_assemble:
            raise _refusal(name, runtime, config)
        has_entries = any(each.has_entries for each in some)
        is_assembled = asked[name] == "assembled" or (
            asked[name] == "auto" and can_assemble and (has_entries or positions[name] > 1)
        )
        found[name] = "assembled" if is_assembled else "whole" if has_entries else "blocked"
    return found


def count_positions(
    layers: Layers, joint: JointNetwork, inputs: Mapping[str, tuple[torch.Tensor, ...]]
) -> dict[str, int]:
    """At how many places each layer computes its outputs, for one example of a task's inputs.

    A convolution's are the pixels that it writes, a linear layer's the tokens: 1 for a vector.
    """
    found: dict[str, int] = {}
    for task, example in inputs.items():
        firsts = [some[0] for some in layers.values() if some[0].task == task]
        with ExitStack() as stack:
            for each in firsts:
                hook = each.module.register_forward_hook(_noting(each, found))
                stack.callback(hook.remove)
            outputs_of(joint.task(task), example)
    return found


def _noting(layer: PartlySharedLayer, found: dict[str, int]) -> Callable[..., None]:
    def note(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        found[layer.name] = output.numel() // layer.outputs

    return note


def _asked(layers: Layers, form: FormChoice | dict[str, FormChoice]) -> dict[str, FormChoice]:
    if isinstance(form, str):
        return dict.fromkeys(layers, form)
    unknown = [name for name in form if name not in layers]
    if unknown:
        raise BadInput(
            f"[export] form: no layer {unknown[0]!r} is shared in part; those are: "
            f"{', '.join(layers) or 'none'}"
        )
    return {name: form.get(name, "auto") for name in layers}


def _refusal(name: str, runtime: Runtime, config: ExportConfig) -> BadInput:
    where = (
        f"with delegate {config.delegate!r}{' and a data file' if config.data_file else ''}"
        if runtime == "executorch"
        else "from a .tflite, whose operators read weights as the file has them"
    )
    return BadInput(
        f"{runtime}: layer {name!r} cannot be assembled {where}; set [export] form of it to "
        f'"blocked" or "auto", or leave {runtime!r} out of [export] runtimes'
    )
