"""One worker a runtime for the whole session: importing the frameworks takes most of the time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import Builder
from torch import nn

from taskzip.contracts.bundle import Tolerance
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.orders import Exported, FileOrder
from taskzip.pipeline.exporters.workers import ExportWorkers, export_workers
from taskzip.pipeline.layout import SUFFIXES

TOLERANCE = Tolerance(absolute=1e-5, relative=1e-5)
"""Float32 sums of some hundred terms in another order."""


def equal_layers(depth: int, width: int, shared: nn.Module) -> nn.Sequential:
    """Linear layers of one shape with distinct weights, the first one shared.

    The weights are transposed views: litert-torch merges such weights when their shapes are equal.
    """
    layers = [shared, *(nn.Linear(width, width) for _ in range(depth - 1))]
    for layer in layers[1:]:
        layer.weight.data = layer.weight.data.t()
    return nn.Sequential(*layers).eval()


def conv_network(trunk: nn.Module) -> nn.Module:
    """A trunk for images (1, 1, 12, 12) and a head of its own."""
    return nn.Sequential(trunk, nn.Linear(256, 10)).eval()


class Scaled(nn.Module):
    """Shared layers with a scale and a shift of the task's own behind one and before the other."""

    def __init__(self, wide: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.wide, self.last = wide, last
        self.scale = nn.Parameter(torch.rand(200, 1, 1) + 0.5)
        self.shift = nn.Parameter(torch.randn(200, 1, 1))
        self.norm = nn.LayerNorm(200)
        nn.init.uniform_(self.norm.weight, 0.5, 1.5)
        nn.init.normal_(self.norm.bias)
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (1, 1, 12, 12) → 300 features."""
        y = self.wide(x) * self.scale + self.shift
        features: torch.Tensor = self.last(self.norm(y.relu().flatten(1)))
        return features


def conv_trunk() -> nn.Module:
    """Images (1, 1, 12, 12) → 256 features; about 0.5 MB of weights."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 32, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 256),
        nn.ReLU(),
    )


def _entries() -> dict[str, tuple[EntryPoint, ...]]:
    torch.manual_seed(0)
    image, row = torch.randn(1, 1, 12, 12), torch.randn(1, 128)
    trunk, first = conv_trunk(), nn.Linear(128, 128)
    pair = tuple(EntryPoint(name, conv_network(trunk), (image,)) for name in ("left", "right"))
    equal = tuple(
        EntryPoint(name, equal_layers(3, 128, first), (row,)) for name in ("one", "other")
    )
    wide, last = nn.Conv2d(1, 200, 12), nn.Linear(200, 300)
    scaled = tuple(EntryPoint(name, Scaled(wide, last), (image,)) for name in ("mine", "yours"))
    return {"pair": pair, "left": pair[:1], "equal": equal, "again": equal, "scaled": scaled}


@pytest.fixture(scope="session")
def workers() -> Iterator[ExportWorkers]:
    """Running exporters for all runtimes."""
    with export_workers(RUNTIMES) as running:
        yield running


@pytest.fixture(scope="session")
def entries() -> dict[str, tuple[EntryPoint, ...]]:
    """The entry points of every exported file by the file's stem."""
    return _entries()


@pytest.fixture(scope="session")
def exported(
    workers: ExportWorkers,
    entries: dict[str, tuple[EntryPoint, ...]],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[tuple[Runtime, str], Exported]:
    """Every file in both runtimes, exported and checked."""
    folder = tmp_path_factory.mktemp("exported")
    orders = {
        (runtime, stem): FileOrder(path_of(folder, runtime, stem), runtime, some)
        for runtime in RUNTIMES
        for stem, some in entries.items()
    }
    made = workers.export(tuple(orders.values()), TOLERANCE)
    return dict(zip(orders, made, strict=True))


@pytest.fixture
def stored_twice(exported: dict[tuple[Runtime, str], Exported], tmp_path: Path) -> Path:
    """A .tflite of two tasks in which the second has a copy of the largest weight."""
    content = exported["litert", "pair"].order.path.read_bytes()
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    buffers = model.buffers
    largest = max(model.subgraphs[1].tensors, key=lambda each: len(_data(buffers[each.buffer])))
    buffers.append(buffers[largest.buffer])
    largest.buffer = len(buffers) - 1
    builder = Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path = tmp_path / "twice.tflite"
    path.write_bytes(builder.Output())
    return path


def _data(buffer: schema.BufferT) -> bytes:
    return b"" if buffer.data is None else bytes(buffer.data)


def path_of(folder: Path, runtime: Runtime, stem: str) -> Path:
    """Where a test lets a file be written."""
    return folder / runtime / f"{stem}{SUFFIXES[runtime]}"
