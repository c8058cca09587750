"""What is taken out of a traced graph changes nothing of what it computes."""

import torch
from torch import fx, nn
from torch.export import Dim

from taskzip.pipeline.networks.simplify import simplify

ATEN = torch.ops.aten


class Roundabout(nn.Module):
    """Turns axes back and forth, and for good; converts to what it is and to what it is not."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 2, 3) → (n, 3, 2)."""
        there = x.permute(0, 2, 1).to(torch.float32)
        back = there.permute(0, -1, 1).clone().permute(0, 2, 1)
        return back.to(torch.float64).permute(0, 1, 2)


def test_only_what_has_no_effect_goes() -> None:
    x = torch.randn(4, 2, 3)
    program = torch.export.export(
        Roundabout(), (x,), dynamic_shapes=({0: Dim.DYNAMIC},), strict=False
    )
    network = program.module(check_guards=False)
    assert isinstance(network, fx.GraphModule)
    simplify(network.graph)
    simple = fx.GraphModule(network, network.graph)
    assert torch.equal(simple(x), Roundabout()(x))
    called = [node.target for node in simple.graph.nodes if node.op == "call_function"]
    assert called.count(ATEN.to.dtype) == 1
    assert called.count(ATEN.permute.default) <= 2
    assert ATEN.clone.default not in called
