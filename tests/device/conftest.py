"""Devices for the harness (a folder of this computer, the emulated ARM device) and what to push.

The runner here is a shell script that stands in for the C++ program: it says what a test wants.
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from taskzip.contracts.bundle import (
    BUNDLE_FILE,
    Bundle,
    Entry,
    File,
    ModelFile,
    Sharing,
    Task,
    TensorSpec,
    Tolerance,
)
from taskzip.contracts.names import CONTRACT_VERSION
from taskzip.contracts.runspec import RunSpec, RunTask, RunTensor
from taskzip.device.runner.package import PROGRAM, PackageFile, RunnerPackage
from taskzip.device.transport.connect import Door, Patience
from taskzip.device.transport.local import LocalTransport
from taskzip.device.transport.protocol import Transport
from taskzip.device.transport.server import AdbServer
from taskzip.device.virtual.endpoint import free_port
from taskzip.device.virtual.state import RunningMachine

Opener = Callable[[], Transport]
MakePackage = Callable[..., RunnerPackage]

LOADER = "lib/ld-linux-double.so.1"

HELLO = {
    "kind": "hello",
    "contract": CONTRACT_VERSION,
    "runner_version": "double",
    "runtime": "litert",
    "runtime_version": "0",
    "pid": 1,
}
DONE = {"kind": "done", "packed_cache_bytes": 0}
VERSION = {"contract": CONTRACT_VERSION, "runner_version": "double"}


def saying(*events: object) -> str:
    """Shell text that says the events, each as a line."""
    return "\n".join(f"echo '{json.dumps(event)}'" for event in events)


@pytest.fixture(params=["local", pytest.param("adb", marks=pytest.mark.device)])
def open_transport(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens connections to one device; everything that was written there is gone afterwards."""
    if request.param == "local":
        folder = tmp_path / "device"
        folder.mkdir()
        yield lambda: LocalTransport(folder)
        return
    machine: RunningMachine = request.getfixturevalue("virtual_machine")
    door = Door(Patience(connect_s=20.0))
    if request.param == "served":
        door = replace(door, server=request.getfixturevalue("adb_server"))
    opened: list[Transport] = []

    def connect() -> Transport:
        is_served = request.param == "served"
        opened.append(
            door.open_served(machine.serial)
            if is_served
            else door.open_tcp("127.0.0.1", machine.port)
        )
        return opened[-1]

    yield connect
    cleaning = connect()
    cleaning.shell(["sh", "-c", 'rm -rf "$1"/*', "clean", cleaning.base]).checked()
    for transport in opened:
        transport.close()


@dataclass(frozen=True)
class OwnServer:
    """An adb server of this run's own, on a port and with a key of its own."""

    address: AdbServer
    home: Path

    def adb(self, *words: str) -> None:
        """Run `adb` for that server."""
        own = {"ANDROID_ADB_SERVER_PORT": str(self.address.port), "HOME": str(self.home)}
        subprocess.run(
            ["adb", *words],
            env={**os.environ, **own},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )


@pytest.fixture(scope="session")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServer]:
    """It runs, and has no device."""
    server = OwnServer(AdbServer("127.0.0.1", free_port()), tmp_path_factory.mktemp("adb"))
    server.adb("start-server")
    yield server
    server.adb("kill-server")


@pytest.fixture
def adb_server(virtual_machine: RunningMachine, own_server: OwnServer) -> Iterator[AdbServer]:
    """It has the device as long as the test: one that is connected does not sleep."""
    own_server.adb("connect", virtual_machine.serial)
    yield own_server.address
    own_server.adb("disconnect", virtual_machine.serial)


@pytest.fixture
def transport(open_transport: Opener) -> Transport:
    """A connection to a device."""
    return open_transport()


@pytest.fixture
def local(tmp_path: Path) -> LocalTransport:
    """A folder of this computer as a device."""
    folder = tmp_path / "device"
    folder.mkdir(exist_ok=True)
    return LocalTransport(folder)


@pytest.fixture
def make_package(tmp_path: Path) -> MakePackage:
    """Makes a runner package whose program runs the given shell text for a RunSpec."""

    def make(text: str = "", version: object = VERSION) -> RunnerPackage:
        asked = f"[ \"$1\" = --version ] && {{ echo '{json.dumps(version)}'; exit; }}"
        texts = {LOADER: 'shift 2; exec "$@"', PROGRAM: f"{asked}\n{text or saying(HELLO, DONE)}"}
        folder = tmp_path / "package"
        files = []
        for path, script in texts.items():
            content = f"#!/bin/sh\n{script}\n".encode()
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
            sha256 = hashlib.sha256(content).hexdigest()
            files.append(PackageFile(path, len(content), sha256, 0o755))
        return RunnerPackage(folder, tuple(files), "double", {"litert": "0"})

    return make


@pytest.fixture
def bundle_dir(tmp_path: Path) -> Path:
    """A bundle of a few small files."""
    folder = tmp_path / "bundle"
    write_bundle(folder, {"litert/joint.tflite": b"joint" * 5000})
    return folder


def write_bundle(folder: Path, models: dict[str, bytes]) -> Bundle:
    """Write a bundle with these model files and a golden input that all tasks share."""
    golden = "golden/x.in0.bin"
    contents = {**models, golden: bytes(16)}
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    files = {
        path: File(path=path, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for path, content in contents.items()
    }
    tensor = TensorSpec(name="x", dtype="float32", shape=(4,))
    tasks = [
        Task(name=n, inputs=(tensor,), outputs=(), golden_inputs=(golden,), golden_outputs={})
        for n in ("a", "b", "tiny")
    ]
    entries = tuple(Entry(task=name, entry=name) for name in ("a", "b"))
    bundle = Bundle(
        tasks=tuple(tasks[:2]),
        tiny=tasks[2],
        models=tuple(
            ModelFile(**dict(files[path]), runtime="litert", kind="joint", entries=entries)
            for path in models
        ),
        data=(files[golden],),
        sharing=Sharing(shared_bytes=1, private_bytes={}),
        tolerance=Tolerance(absolute=0, relative=0),
        versions={},
    )
    bundle.write(folder / BUNDLE_FILE)
    return bundle


@pytest.fixture
def spec() -> RunSpec:
    """A RunSpec for that bundle."""
    x = RunTensor(name="x", dtype="float32", shape=(4,), file="bundle/golden/x.in0.bin")
    out = RunTensor(name="y", dtype="float32", shape=(4,), file="runs/one/a.out0.bin")
    task = RunTask(
        name="a", model="bundle/litert/joint.tflite", entry="a", inputs=(x,), outputs=(out,)
    )
    return RunSpec(
        run="one",
        runtime="litert",
        deployment="joint",
        cache="warm",
        packed_cache=False,
        mode="parity",
        tasks=(task,),
        tiny=task.model_copy(update={"name": "tiny"}),
        packed_dir=None,
        sequence=(0,),
        warmups=0,
        inferences=0,
    )
