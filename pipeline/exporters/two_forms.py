"""What is exported: each task's own network, and all of them in one file of each runtime."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import nn

from taskzip.contracts.names import RUNTIMES, LayerForm, Runtime
from taskzip.pipeline.entry import UNNAMED, EntryPoint, TensorNames
from taskzip.pipeline.exporters.accuracy import TaskData

Form = Literal["joint", "separate"]


@dataclass(frozen=True)
class TwoForms:
    """A task's network within the joint one and on its own; `inputs` are one real example."""

    name: str
    joint: nn.Module
    separate: nn.Module
    inputs: tuple[torch.Tensor, ...]
    data: TaskData
    names: TensorNames = UNNAMED

    def entry(self, module: nn.Module) -> EntryPoint:
        """The entry point of a network that computes one of both."""
        return EntryPoint(self.name, module, self.inputs, self.data.others(), self.names)


@dataclass(frozen=True)
class JointFile:
    """A runtime's file of all tasks; `entries` compute what their `TwoForms.joint` does."""

    entries: tuple[EntryPoint, ...]
    forms: dict[str, LayerForm] = field(default_factory=dict)
    """Of layers that tasks share in part."""


@dataclass(frozen=True)
class Exports:
    """The tasks, and their joint file of each runtime."""

    tasks: tuple[TwoForms, ...]
    joints: Mapping[Runtime, JointFile]
    plan_sha256: str | None = None
    """Of the plan that made the joint network, if a zip did."""

    @classmethod
    def as_they_are(cls, *tasks: TwoForms) -> "Exports":
        """Every runtime gets the joint networks themselves."""
        joint = JointFile(tuple(task.entry(task.joint) for task in tasks))
        return cls(tasks, dict.fromkeys(RUNTIMES, joint))
