"""What a device tells of itself, and what it leaves open."""

import os
from pathlib import Path

import pytest

from taskzip.device.conditions import Setting, read_conditions
from taskzip.device.transport.local import LocalTransport
from taskzip.device.transport.protocol import Transport

VIRTUAL = Setting("virtual", "counted", 200_000_000)


def test_every_device_tells_what_it_is(transport: Transport) -> None:
    told = read_conditions(transport, VIRTUAL, "r1", {"litert": "2"})
    assert (told.serial, told.origin, told.clock) == (transport.serial, "virtual", "counted")
    assert told.kernel
    assert told.abi
    assert told.cpus
    assert told.memory_bytes
    assert told.memory_bytes > 128 << 20
    assert (told.runner_version, told.runtime_versions) == ("r1", {"litert": "2"})
    assert told.flash_read_bytes_per_second == 200_000_000


def test_programs_memory_counts_not_that_of_a_flash_in_memory(local: LocalTransport) -> None:
    told = read_conditions(local, Setting("virtual", "counted", memory_bytes=256 << 20))
    assert told.memory_bytes == 256 << 20


def test_what_a_device_lacks_is_absent(local: LocalTransport) -> None:
    told = read_conditions(local, Setting("phone"))
    assert (told.model, told.android_version, told.battery_percent) == (None, None, None)
    assert told.runtime_versions == {}


@pytest.mark.parametrize(("emulated", "origin"), [("1", "virtual"), ("0", "phone")])
def test_an_emulator_of_somebody_else_is_no_phone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, emulated: str, origin: str
) -> None:
    getprop = tmp_path / "getprop"
    getprop.write_text(
        f"#!/bin/sh\necho '[ro.boot.qemu]: [{emulated}]'\necho '[ro.product.model]: [Model X]'\n"
    )
    getprop.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    told = read_conditions(LocalTransport(tmp_path), Setting("phone"))
    assert (told.origin, told.model) == (origin, "Model X")
