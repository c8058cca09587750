"""What an emulated device is like; two equal profiles are the same device."""

import hashlib
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from taskzip.contracts.document import Document, validated
from taskzip.contracts.names import Clock

CpuModel = Literal[
    "cortex-a35", "cortex-a53", "cortex-a57", "cortex-a72", "cortex-a76", "neoverse-n1", "max"
]
"""Of the emulated ones; they differ in the instructions that they have, not in speed."""
Label = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


FLASH_PAGE_BYTES = 16 * 1024
"""What the flash of the counted clock reads at a time, as a phone's does."""
_SECOND_NS = 1_000_000_000


class Profile(Document):
    """Clock, memory, cores, disk and flash speed of a device, and when it stops by itself."""

    clock: Clock = "counted"
    memory_mib: Annotated[int, Field(ge=128)] = 512
    cpus: Annotated[int, Field(ge=1, le=8)] = 2
    """vCPUs with the real clock; the counted clock has one, see `vcpus`."""
    cpu_model: CpuModel = "cortex-a76"
    """Where the host emulates it; a host that runs arm64 itself gives its own."""
    flash_read_bytes_per_second: Annotated[int, Field(gt=0)] = 200_000_000
    """Of whole flash pages; with the real clock sustained, the bytes of the first tenth of a second
    pass at once."""
    flash_write_bytes_per_second: Annotated[int, Field(gt=0)] = 200_000_000
    """With the real clock; the counted clock's flash writes as fast as it reads."""
    flash_read_iops: Annotated[int, Field(gt=0)] | None = None
    """Requests a second; None: as many as the rate allows."""
    flash_write_iops: Annotated[int, Field(gt=0)] | None = None
    disk_mib: Annotated[int, Field(ge=16)] = 1024
    idle_stop_seconds: Annotated[int, Field(ge=1)] = 1800
    label: Label = "device"
    """Devices of different labels are different devices: tests do not meet a user's."""

    @property
    def vcpus(self) -> int:
        """Virtual cores: instructions can be counted on one only."""
        return 1 if self.clock == "counted" else self.cpus

    @property
    def flash_page_ns(self) -> int:
        """Time in which the flash reads a page, or less than a page."""
        by_rate = -(-FLASH_PAGE_BYTES * _SECOND_NS // self.flash_read_bytes_per_second)
        by_iops = -(-_SECOND_NS // self.flash_read_iops) if self.flash_read_iops else 0
        return max(by_rate, by_iops)

    @property
    def id(self) -> str:
        """A name that is the same for equal devices, fit for a folder."""
        unused = {
            "cpus": 1,
            "flash_write_bytes_per_second": self.flash_read_bytes_per_second,
            "flash_write_iops": None,
        }
        same = self.model_copy(update=unused if self.clock == "counted" else {})
        digest = hashlib.sha256(same.model_dump_json().encode()).hexdigest()
        return f"{self.label}-{self.clock}-{digest[:12]}"


def labelled(profile: Profile, label: str | None) -> Profile:
    """The profile with another label, if one is given; BadInput when it cannot be one."""
    if label is None:
        return profile
    return validated(Profile, profile.model_dump() | {"label": label}, "options")
