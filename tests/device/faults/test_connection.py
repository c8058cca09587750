"""Connections that break in each phase of a session, in each way."""

import socket
from pathlib import Path
from typing import Literal

import pytest
from adb_shell import constants

from taskzip.contracts.errors import TaskzipError
from taskzip.contracts.progress import Silent
from taskzip.device.errors import KeyRefused
from taskzip.device.prover.build import build_prover
from taskzip.device.transport.connect import Door, Patience
from taskzip.device.transport.protocol import Transport
from taskzip.device.virtual.state import RunningMachine
from tests.device.faults.conftest import Scene
from tests.device.faults.proxy import Proxy
from tests.device.faults.watched import PATIENCE_S, PHASES, Phase, Watched
from tests.device.transport.test_trouble import listening, receive, send

Way = Literal["drop", "stall", "truncate", "delay"]
WAYS: dict[Way, str] = {
    "drop": "is cut",
    "stall": "goes silent",
    "truncate": "is cut within a packet",
    "delay": "is slow",
}
NAMES = [f"The connection {how} once: {phase}" for phase in PHASES for how in WAYS.values()]
CASES = [
    pytest.param(phase, way, marks=[] if (phase, way) in quick else pytest.mark.slow)
    for quick in [{("push", "drop"), ("run", "drop"), ("pull", "truncate")}]
    for phase in PHASES
    for way in WAYS
]


@pytest.fixture
def prover_program() -> Path:
    return build_prover("aarch64", Silent())


@pytest.mark.device
@pytest.mark.parametrize(("phase", "way"), CASES)
def test_a_connection_that_breaks_once(  # noqa: PLR0913, PLR0917  # fixtures
    virtual_machine: RunningMachine,
    straight: Transport,
    scene: Scene,
    tmp_path: Path,
    phase: Phase,
    way: Way,
) -> None:
    proxy, begun = Proxy(virtual_machine.port), set()

    def break_at(entered: Phase) -> None:
        if entered == phase and not begun:
            begun.add(phase)
            getattr(proxy, way)()

    proxy.on_accept = lambda: break_at("connect")
    try:
        error = run_through(proxy, scene, tmp_path, break_at)
    finally:
        proxy.close()
    assert begun
    scene.check(f"The connection {WAYS[way]} once: {phase}", error)


def run_through(proxy: Proxy, scene: Scene, keys: Path, break_at) -> TaskzipError | None:
    try:
        transport = Door(Patience(PATIENCE_S), keys).open_tcp(
            "127.0.0.1", proxy.port, transfer_silence_s=PATIENCE_S
        )
    except TaskzipError as error:
        return error
    try:
        return scene.run(Watched(transport, break_at))
    finally:
        transport.close()


def test_a_key_that_the_device_does_not_accept(scene: Scene, tmp_path: Path) -> None:
    def refuse(connection: socket.socket) -> None:
        receive(connection)
        send(connection, constants.AUTH, constants.AUTH_TOKEN, bytes(20))
        if connection.recv(1, socket.MSG_PEEK):
            receive(connection)
            send(connection, constants.AUTH, constants.AUTH_TOKEN, bytes(20))
            receive(connection)

    with listening(refuse) as port, pytest.raises(KeyRefused) as error:
        Door(Patience(PATIENCE_S, PATIENCE_S), tmp_path / "keys").open_tcp("127.0.0.1", port)
    scene.check("The device does not accept this computer's key", error.value)
