"""Under which conditions numbers were taken; None means that the device does not tell."""

from typing import Annotated

from pydantic import Field

from taskzip.contracts.document import Document
from taskzip.contracts.names import Bytes, Clock, Count, Origin


class Conditions(Document):
    """Numbers whose conditions differ are not compared."""

    origin: Origin
    clock: Clock
    serial: str
    devices: Annotated[int, Field(ge=1)] = 1
    """Equal emulated devices that measured side by side, each its own runtimes."""
    model: str | None = None
    android_version: str | None = None
    abi: str | None = None
    kernel: str | None = None
    cpus: Count | None = None
    memory_bytes: Bytes | None = None
    cpu_model: str | None = None
    """Which processor is emulated."""
    flash_read_bytes_per_second: Count | None = None
    flash_read_iops: Count | None = None
    battery_percent: Count | None = None
    temperature_millicelsius: int | None = None
    workload: str = "random"
    """The order in which tasks were asked for; of a trace the beginning of its hash."""
    lru_k: Count | None = None
    """Files that `separate-lru` kept loaded; None where it was not measured."""
    memory_limit_bytes: Bytes | None = None
    """Of each runner with the pages that it read; None: what the device has."""
    runner_version: str | None = None
    runtime_versions: dict[str, str] = Field(default_factory=dict)
    host: str | None = None
    started_at: str | None = None
    """ISO 8601, UTC."""
