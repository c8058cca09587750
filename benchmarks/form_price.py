"""What the form of partly shared layers costs: `python -m taskzip.benchmarks.form_price BUNDLE...`.

Give a bundle for each form. The joint file of each runs beside the separate ones in turns, on this
computer unless a device is named, one thread, page cache warm.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console

from taskzip.benchmarks.errors_told import errors_told
from taskzip.benchmarks.form_price_result import FormPrice, FormPrices, Side, render
from taskzip.benchmarks.sessions import LOCAL, is_counted, session_on
from taskzip.benchmarks.specs import SpecWriter, Walk, kind_of
from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.errors import BadInput
from taskzip.contracts.events import Event, Memory, Switch
from taskzip.contracts.names import RUNTIMES, Deployment, Runtime
from taskzip.contracts.record import Cell
from taskzip.device.session import Session

SWITCHES = 12


@dataclass(frozen=True)
class Setting:
    """How it is measured."""

    device: str = LOCAL
    packed_cache: bool = False
    inferences: int = 100
    """Of each task, twice a round."""
    warmups: int = 20
    """Inferences after each switch that do not count."""
    rounds: int = 5


def measure(folders: list[Path], setting: Setting) -> FormPrices:
    """Every runtime of the bundles, one after another."""
    return FormPrices(
        device=setting.device,
        packed_cache=setting.packed_cache,
        inferences=setting.inferences,
        switches=SWITCHES,
        rounds=setting.rounds,
        prices=tuple(price for each in folders for price in _of_bundle(each, setting)),
    )


def _of_bundle(folder: Path, setting: Setting) -> list[FormPrice]:
    bundle = Bundle.read(folder / BUNDLE_FILE)
    if len(bundle.tasks) == 1:
        raise BadInput(
            f"{folder}: {bundle.tasks[0].name} is its only task; give one of two or more"
        )
    with session_on(setting.device, folder) as session:
        return [
            _Bench(session, bundle, runtime, setting).price(str(folder))
            for runtime in RUNTIMES
            if any((m.runtime, m.kind) == (runtime, "joint") for m in bundle.models)
        ]


class _Bench:
    def __init__(
        self, session: Session, bundle: Bundle, runtime: Runtime, setting: Setting
    ) -> None:
        self._session, self._bundle, self._runtime = session, bundle, runtime
        self._setting = setting
        self._writer = SpecWriter(bundle, threads=1, start_on_tick=is_counted(setting.device))
        tasks = len(bundle.tasks)
        everyone = tuple(range(tasks)) * 2
        self._running = Walk("latency", everyone, 0, setting.inferences + setting.warmups)
        self._switching = Walk("latency", tuple(i % tasks for i in range(SWITCHES)), 0, 1)
        self._loaded = Walk("memory", everyone, 0, 0)

    def price(self, name: str) -> FormPrice:
        turns = [
            (self._side("joint", n), self._side("separate-resident", n))
            for n in range(self._setting.rounds)
        ]
        joint, separate = zip(*turns, strict=True)
        model = self._bundle.model(self._runtime, "joint", self._bundle.tasks[0].name)
        return FormPrice(
            bundle=name,
            runtime=self._runtime,
            forms=dict(Counter(model.forms.values())),
            joint=_fastest(joint),
            separate=_fastest(separate),
        )

    def _side(self, resident: Deployment, number: int) -> Side:
        one_loaded: Deployment = "joint-lazy" if resident == "joint" else "separate-swap"
        running = self._run(resident, self._running, f"run{number}")
        switching = self._run(one_loaded, self._switching, f"switch{number}")
        loaded = self._run(resident, self._loaded, f"memory{number}")
        pss = {event.phase: event.pss_bytes for event in loaded if isinstance(event, Memory)}
        steps = [event for event in running if isinstance(event, Switch)]
        measured = [ns for step in steps for ns in step.inference_ns[self._setting.warmups :]]
        return Side(
            inference_ns=round(median(measured)),
            switch_ns=round(median(e.switch_ns for e in switching if isinstance(e, Switch))),
            memory_bytes=max(0, pss["switched"] - pss["start"]),
            storage_bytes=self._storage(resident),
        )

    def _run(self, deployment: Deployment, walk: Walk, label: str) -> list[Event]:
        packed = self._setting.packed_cache
        cell = Cell(runtime=self._runtime, deployment=deployment, cache="warm", packed_cache=packed)
        return list(self._session.run(self._writer.spec(cell, walk, label)))

    def _storage(self, deployment: Deployment) -> int:
        wanted = self._runtime, kind_of(deployment)
        return sum(m.bytes for m in self._bundle.models if (m.runtime, m.kind) == wanted)


def _fastest(rounds: tuple[Side, ...]) -> Side:
    return rounds[0].model_copy(
        update={
            name: min(getattr(each, name) for each in rounds)
            for name in ("inference_ns", "switch_ns", "memory_bytes")
        }
    )


def main(  # noqa: PLR0913, PLR0917 - each is an option of its own
    bundles: Annotated[list[Path], typer.Argument(help="Bundles' folders, one for each form.")],
    device: Annotated[
        str, typer.Option(help="As of `deploy bench`, or local: this computer.")
    ] = LOCAL,
    packed_cache: Annotated[bool, typer.Option(help="With packed caches, already there.")] = False,
    inferences: Annotated[int, typer.Option(min=1, help="Of each task and round.")] = 100,
    warmups: Annotated[int, typer.Option(min=0, help="Inferences before those.")] = 20,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    max_ratio: Annotated[
        float | None, typer.Option(help="End with 1 if the best inference ratio is above this.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures here.")
    ] = None,
) -> None:
    """Measure what each form costs in inference, switch, memory and storage."""
    with errors_told():
        setting = Setting(device, packed_cache, inferences, warmups, rounds)
        prices = measure(bundles, setting)
    Console().print(render(prices))
    if json_file is not None:
        prices.write(json_file)
    best = min((price.inference_ratio for price in prices.prices), default=0.0)
    if max_ratio is not None and best > max_ratio:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
