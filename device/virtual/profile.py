"""What an emulated device is like; two equal profiles are the same device."""

import hashlib
from typing import Annotated

from pydantic import Field, StringConstraints

from taskzip.contracts.document import Document
from taskzip.contracts.names import Clock

Label = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


FLASH_PAGE_BYTES = 16 * 1024
"""What the flash of the counted clock reads at a time, as a phone's does."""


class Profile(Document):
    """Clock, memory, cores, disk and flash speed of a device, and when it stops by itself."""

    clock: Clock
    memory_mib: Annotated[int, Field(ge=128)] = 512
    cpus: Annotated[int, Field(ge=1, le=8)] = 2
    """vCPUs with the real clock; the counted clock has one, see `vcpus`."""
    flash_read_bytes_per_second: Annotated[int, Field(gt=0)] = 200_000_000
    """Of whole flash pages; with the real clock sustained, the bytes of the first tenth of a second
    pass at once."""
    flash_write_bytes_per_second: Annotated[int, Field(gt=0)] = 200_000_000
    """With the real clock; the counted clock's flash writes as fast as it reads."""
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
        return -(-FLASH_PAGE_BYTES * 1_000_000_000 // self.flash_read_bytes_per_second)

    @property
    def id(self) -> str:
        """A name that is the same for equal devices, fit for a folder."""
        unused = {"cpus": 1, "flash_write_bytes_per_second": self.flash_read_bytes_per_second}
        same = self.model_copy(update=unused if self.clock == "counted" else {})
        digest = hashlib.sha256(same.model_dump_json().encode()).hexdigest()
        return f"{self.label}-{self.clock}-{digest[:12]}"
