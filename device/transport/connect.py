"""Opening an ADB connection: who answers, and whether it knows our key."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from adb_shell import exceptions as adb
from adb_shell.adb_device import AdbDevice

from taskzip.contracts.progress import Progress, Silent
from taskzip.device.errors import KeyRefused, NotAnswering, UsbOccupied
from taskzip.device.transport.adb import BROKEN, TIMEOUTS, TRANSFER_SILENCE_S, AdbTransport
from taskzip.device.transport.keys import key_folder, load_signer
from taskzip.device.transport.protocol import Transport
from taskzip.device.transport.quick import QuickDevice
from taskzip.device.transport.served import ServedTransport, await_ready
from taskzip.device.transport.server import AdbServer, listed_by, usual_server
from taskzip.device.transport.tcp import TcpPipe
from taskzip.device.transport.usb import is_occupied, usb_device, usb_errors


@dataclass(frozen=True)
class Patience:
    """How long to wait for a connection, and for someone to accept the key on the screen."""

    connect_s: float = 10.0
    key_s: float = 60.0


@dataclass(frozen=True)
class Door:
    """How connections to devices are opened; the same for the first and for each later one."""

    patience: Patience = Patience()
    keys: Path = field(default_factory=key_folder)
    progress: Progress = field(default_factory=Silent)
    server: AdbServer = field(default_factory=usual_server)
    usb: Callable[[str], AdbDevice] = usb_device

    def open_tcp(
        self, host: str, port: int, transfer_silence_s: float = TRANSFER_SILENCE_S
    ) -> AdbTransport:
        """The device whose adbd listens at HOST:PORT."""
        serial = f"{host}:{port}"
        return AdbTransport(
            serial,
            partial(self._connect, serial, lambda: QuickDevice(TcpPipe(host, port))),
            transfer_silence_s=transfer_silence_s,
        )

    def open_usb(self, serial: str) -> Transport:
        """The phone of that serial on USB; through the adb server, if that holds the phone."""
        try:
            return AdbTransport(serial, partial(self._connect, serial, lambda: self.usb(serial)))
        except UsbOccupied:
            if all(found.serial != serial for found in listed_by(self.server)):
                raise
            self.progress.step(
                f"{serial}: the adb server at {self.server} holds the phone's USB interface; "
                f"going through the server"
            )
            return self.open_served(serial)

    def open_served(self, serial: str) -> ServedTransport:
        """The device of that serial through the adb server, once it has accepted the server."""
        await_ready(self.server, serial, self.patience.key_s, self.progress)
        return ServedTransport(serial, self.server)

    def _connect(self, serial: str, make: Callable[[], AdbDevice]) -> AdbDevice:
        try:
            return self._connect_without_key(make)
        except adb.DeviceAuthError:
            return self._connect_with_key(serial, make)
        except (*TIMEOUTS, *BROKEN, *usb_errors()) as error:
            if is_occupied(error):
                raise UsbOccupied(
                    f"{serial}: another program holds the phone's USB interface; end it, or start "
                    f"an adb server (`adb start-server`) to go through that"
                ) from error
            raise NotAnswering(
                f"{serial}: no ADB daemon answers ({_why(error)}); check that the device is on, "
                f"connected and has debugging enabled (`deploy device list` shows what is there)"
            ) from error

    def _connect_without_key(self, make: Callable[[], AdbDevice]) -> AdbDevice:
        device = make()
        try:
            device.connect(
                transport_timeout_s=self.patience.connect_s, read_timeout_s=self.patience.connect_s
            )
        except BaseException:
            device.close()
            raise
        return device

    def _connect_with_key(self, serial: str, make: Callable[[], AdbDevice]) -> AdbDevice:
        device = make()
        try:
            device.connect(
                rsa_keys=[load_signer(self.keys)],
                transport_timeout_s=self.patience.connect_s,
                read_timeout_s=self.patience.connect_s,
                auth_timeout_s=self.patience.key_s,
                auth_callback=lambda _: self.progress.step(
                    f"{serial}: unlock the device and accept this computer's key on its screen "
                    f"(waiting {self.patience.key_s:g} s)"
                ),
            )
        except (*TIMEOUTS, *BROKEN, adb.DeviceAuthError) as error:
            device.close()
            raise KeyRefused(
                f"{serial}: the device did not accept this computer's key "
                f"({self.keys}); unlock it, run the command again and accept the key on its "
                f"screen, or revoke USB debugging authorisations there and try again"
            ) from error
        except BaseException:
            device.close()
            raise
        return device


def _why(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__
