"""A task's network in both forms that are exported: within the joint one and on its own."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

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
    notes: tuple[str, ...] = ()
    """What its joint form cannot do that the joint network does."""

    def entry(self, form: Form) -> EntryPoint:
        """The entry point of one form."""
        module = self.joint if form == "joint" else self.separate
        return EntryPoint(self.name, module, self.inputs, self.data.others(), self.names)
