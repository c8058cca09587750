"""The phone's battery counters, kept beside what was measured."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from taskzip.contracts.battery import BATTERY_FILE, Battery, BatterySpan
from taskzip.device.session import Session


@contextmanager
def watched_battery(session: Session, folder: Path, *, resume: bool) -> Iterator[None]:
    """Read the counters before and after the block; `folder`'s battery.json keeps them.

    With `resume` what it holds stays. There is no file where the device has no counter.
    """
    file = folder / BATTERY_FILE
    earlier = Battery.read(file).spans if resume and file.exists() else ()
    if not resume:
        file.unlink(missing_ok=True)
    before = session.battery()
    yield
    after = session.battery()
    if before is not None and after is not None:
        Battery(spans=(*earlier, BatterySpan(before=before, after=after))).write(file)
