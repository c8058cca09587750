"""A headless Chromium, driven through pipes by the DevTools protocol."""

import base64
import json
import os
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import F_DUPFD, fcntl
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SILENCE_S = 120
A4_MM, MM_PER_INCH = (210, 297), 25.4
_READS, _WRITES = 3, 4
"""Where Chromium expects its pipes."""
_ABOVE = 10


class Page:
    """A page that is open."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads, self._writes = reads, writes
        self._numbers, self._rest = count(1), b""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]

    def open(self, path: Path, width: int, scheme: str, medium: str = "") -> None:
        """Show a file as wide as `width` CSS pixels, `light` or `dark`, or styled for `print`."""
        self.call("Page.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=medium, features=features)
        self.call("Page.navigate", url=path.absolute().as_uri())
        while self.evaluate("document.readyState") != "complete" or not self.evaluate(
            "document.title"
        ):
            pass

    def evaluate(self, script: str) -> Any:
        """What an expression is in the page, as JSON."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press_tab(self) -> None:
        """As a user does."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key="Tab", windowsVirtualKeyCode=9)

    def screenshot(self, path: Path) -> None:
        """The whole page as a PNG file."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def print(self, path: Path) -> None:
        """The page on paper (A4) as a PDF file."""
        width, height = (round(mm / MM_PER_INCH, 2) for mm in A4_MM)
        printed = self.call(
            "Page.printToPDF",
            paperWidth=width, paperHeight=height, printBackground=False, preferCSSPageSize=True,
        )  # fmt: skip
        path.write_bytes(base64.b64decode(printed["data"]))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol to the page, and its answer."""
        return self._call(method, self._session, **parameters)

    def _call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self._line())
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer)
                return dict(answer["result"])

    def _line(self) -> bytes:
        while b"\0" not in self._rest:
            readable, _, _ = select.select([self._reads], [], [], SILENCE_S)
            assert readable, f"Chromium said nothing for {SILENCE_S} s"
            chunk = os.read(self._reads, 1 << 16)
            assert chunk, "Chromium ended"
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\0")
        return line


@contextmanager
def browser(program: str) -> Iterator[Page]:
    """A browser with a profile of its own, which ends with the block."""
    to_read, from_us = os.pipe()
    from_it, to_write = os.pipe()

    def connect() -> None:
        ends = [fcntl(end, F_DUPFD, _ABOVE) for end in (to_read, to_write)]
        for end, place in zip(ends, (_READS, _WRITES), strict=True):
            os.dup2(end, place)

    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                *(program, "--headless=new", "--remote-debugging-pipe", "--disable-gpu"),
                *("--no-sandbox", "--no-first-run", "--hide-scrollbars", "--no-proxy-server"),
                *("--disable-background-networking", "--disable-dev-shm-usage"),
                f"--user-data-dir={profile}",
            ],
            preexec_fn=connect,  # noqa: PLW1509 - no threads here
            pass_fds=(_READS, _WRITES),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        try:
            yield Page(from_it, from_us)
        finally:
            os.close(from_us)
            os.close(from_it)
            process.terminate()
            process.wait(SILENCE_S)
