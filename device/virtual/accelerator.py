"""What runs the guest's instructions: the host's processor, or QEMU's emulation."""

import os
import platform
from dataclasses import dataclass
from typing import Literal

Accelerator = Literal["kvm", "hvf", "tcg"]

_ARM64 = ("aarch64", "arm64")
_KVM = "/dev/kvm"


@dataclass(frozen=True)
class Host:
    """What decides: operating system, processor, and whether /dev/kvm opens for this user."""

    system: str
    machine: str
    opens_kvm: bool


def this_host() -> Host:
    """The computer that this runs on."""
    opens_kvm = os.access(_KVM, os.R_OK | os.W_OK)
    return Host(platform.system(), platform.machine(), opens_kvm)


def choose_accelerator(host: Host) -> Accelerator:
    """The host's own processor where it is an arm64 one that lets us use it."""
    if host.machine not in _ARM64:
        return "tcg"
    if host.system == "Darwin":
        return "hvf"
    return "kvm" if host.system == "Linux" and host.opens_kvm else "tcg"
