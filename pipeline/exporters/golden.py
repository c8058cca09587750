"""Tasks as a bundle describes them, with golden tensors beside it."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from taskzip.contracts.bundle import Task
from taskzip.contracts.config import TINY
from taskzip.contracts.errors import BadInput
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.tensors import outputs_of, tensor_spec, write_raw
from taskzip.pipeline.exporters.two_forms import Form, TwoForms

_TINY_WIDTH = 8


def tiny_entry() -> EntryPoint:
    """The one-layer network of the memory baseline: always the same weights and input."""
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(_TINY_WIDTH, _TINY_WIDTH)
    with torch.no_grad():
        layer.weight.normal_(generator=generator)
        layer.bias.normal_(generator=generator)
    return EntryPoint(TINY, layer.eval(), (torch.randn(1, _TINY_WIDTH, generator=generator),))


def describe(task: TwoForms, folder: Path) -> Task:
    """A task, its golden tensors written below `folder`."""
    golden: dict[Form, tuple[torch.Tensor, ...]] = {
        "joint": outputs_of(task.joint, task.inputs),
        "separate": outputs_of(task.separate, task.inputs),
    }
    _check_names(task, golden["separate"])
    return _task(task.entry(task.separate), golden, folder)


def _check_names(task: TwoForms, outputs: Sequence[torch.Tensor]) -> None:
    for key, names, tensors in (
        ("input_names", task.names.inputs, task.inputs),
        ("output_names", task.names.outputs, outputs),
    ):
        if names and len(names) != len(tensors):
            raise BadInput(
                f"task {task.name}: {key} has {len(names)} ({', '.join(names)}), but the network "
                f"has {len(tensors)}; name each, in their order"
            )


def describe_tiny(tiny: EntryPoint, folder: Path) -> Task:
    """Likewise the tiny network."""
    return _task(tiny, {"separate": outputs_of(tiny.module, tiny.inputs)}, folder)


def _task(
    entry: EntryPoint,
    golden: dict[Form, tuple[torch.Tensor, ...]],
    folder: Path,
) -> Task:
    return Task(
        name=entry.name,
        inputs=tuple(
            tensor_spec(entry.names.input(index), tensor)
            for index, tensor in enumerate(entry.inputs)
        ),
        outputs=tuple(
            tensor_spec(entry.names.output(index), tensor)
            for index, tensor in enumerate(golden["separate"])
        ),
        golden_inputs=write_raw(entry.inputs, f"{entry.name}.in", folder),
        golden_outputs={
            form: write_raw(tensors, f"{entry.name}.{form}.out", folder)
            for form, tensors in golden.items()
        },
    )
