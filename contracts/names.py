"""The words and value shapes that every room shares."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

CONTRACT_VERSION = 3
"""Raised whenever RunSpec or the runner's records change shape; runner and harness must agree."""

Runtime = Literal["executorch", "litert"]
Deployment = Literal["joint", "joint-lazy", "separate-resident", "separate-lru", "separate-swap"]
Workload = Literal["random", "rounds", "round-robin", "bursty", "zipf", "pairs"]
CacheState = Literal["warm", "cold", "untouched"]
Clock = Literal["real", "counted"]
Origin = Literal["virtual", "phone"]
DType = Literal["float32", "float16", "int64", "int32", "int8", "uint8", "bool"]
LossName = Literal["divergence", "squared", "absolute"]
"""How a training compares outputs: as class scores, or as numbers of any kind."""

ZipMethod = Literal["mtz", "hybrid", "average", "rebasin", "zipit", "random", "heads-only"]
ModelKind = Literal["joint", "separate", "tiny"]
Precision = Literal["fp32", "fp16", "int8-dynamic", "int8-static"]
"""Of a file's weights; `int8-static` computes with int8 too, within ranges of calibration data."""

LayerForm = Literal["blocked", "assembled", "whole"]
"""Of a layer that tasks share in part: its blocks are computed one by one, or put together when a
task is loaded, or stored put together, of each task for itself."""

TaskName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
"""A task's name: also the method of a .pte and the signature of a .tflite."""

TensorName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
"""What an input or output is called in a file."""

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9._+-]*"
RelativePath = Annotated[
    str, StringConstraints(pattern=rf"^{_SEGMENT}(/{_SEGMENT})*$", max_length=240)
]
"""A path below the document's own folder: no `..`, no leading `/` or dot, no shell signs."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
Nanoseconds = Annotated[int, Field(ge=0)]
Bytes = Annotated[int, Field(ge=0)]

ZIP_METHODS: tuple[ZipMethod, ...] = (
    "mtz",
    "hybrid",
    "average",
    "rebasin",
    "zipit",
    "random",
    "heads-only",
)
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8-dynamic", "int8-static")
RUNTIMES: tuple[Runtime, ...] = ("executorch", "litert")
DEPLOYMENTS: tuple[Deployment, ...] = (
    "joint",
    "joint-lazy",
    "separate-resident",
    "separate-lru",
    "separate-swap",
)
WORKLOADS: tuple[Workload, ...] = (
    *("random", "rounds", "round-robin"),
    *("bursty", "zipf", "pairs"),
)
