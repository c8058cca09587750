"""Our runner beside the runtimes' own benchmarks: `python -m taskzip.benchmarks.runner_price`.

Both run the separate file of the bundle's first task on this computer, one thread, in turns: LiteRT
in `ai_edge_litert.tools.benchmark_litert_model`, which rounds to 10 µs, ExecuTorch in its Python
runtime. A runner that cost something would make everything that it measures look slower.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from taskzip.benchmarks.errors_told import errors_told
from taskzip.benchmarks.specs import SpecWriter, Walk
from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput
from taskzip.contracts.events import Switch
from taskzip.contracts.names import RUNTIMES, Nanoseconds, Runtime
from taskzip.contracts.progress import Silent
from taskzip.contracts.record import Cell
from taskzip.device.runner.build import build_runner
from taskzip.device.session import Session, open_session
from taskzip.device.transport.local import LocalTransport

WARMUPS = 20
LIMIT_SECONDS = 600
_NS_PER_MS = 1e6
_EXECUTORCH_LOOP = """
import json, sys, time
from statistics import median
import numpy, torch
from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool
from executorch.runtime import Runtime
path, entry, count, inputs = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
_unsafe_reset_threadpool(1)
given = [torch.from_numpy(numpy.fromfile(file, "<f4").reshape(shape)) for file, shape in inputs]
method = Runtime.get().load_program(path).load_method(entry)
spent = []
for _ in range(count):
    began = time.perf_counter_ns()
    method.execute(given)
    spent.append(time.perf_counter_ns() - began)
print(json.dumps(median(spent[int(sys.argv[5]):])))
"""


class Price(Document):
    """Medians of the rounds of one runtime."""

    runtime: Runtime
    runner_ns: tuple[Nanoseconds, ...]
    own_ns: tuple[Nanoseconds, ...]
    """Of the runtime's own benchmark."""

    @property
    def ratio(self) -> float:
        """Runner / own, of the medians over rounds."""
        return median(self.runner_ns) / median(self.own_ns)


class Prices(Document):
    """What was measured."""

    task: str
    inferences: int
    runtimes: tuple[Price, ...]


def measure(folder: Path, inferences: int, rounds: int) -> Prices:
    """All runtimes of the bundle in `folder`; runs of both kinds take turns."""
    bundle = Bundle.read(folder / BUNDLE_FILE)
    task = bundle.tasks[0].name
    if len(bundle.tasks) == 1:
        raise BadInput(f"{folder}: {task} is its only task; give a bundle of two or more")
    with (
        tempfile.TemporaryDirectory() as place,
        open_session(
            LocalTransport(Path(place)),
            build_runner("host", Silent()),
            folder,
            keep_pushed=False,
            progress=Silent(),
        ) as session,
    ):
        prices = []
        for runtime in (each for each in RUNTIMES if any(m.runtime == each for m in bundle.models)):
            turns = [
                (
                    _in_runner(session, bundle, runtime, inferences, number),
                    _OWN[runtime](bundle, folder, inferences),
                )
                for number in range(rounds)
            ]
            runner, own = zip(*turns, strict=True)
            prices.append(Price(runtime=runtime, runner_ns=runner, own_ns=own))
    return Prices(task=task, inferences=inferences, runtimes=tuple(prices))


def _in_runner(
    session: Session, bundle: Bundle, runtime: Runtime, inferences: int, number: int
) -> int:
    cell = Cell(runtime=runtime, deployment="separate-resident", cache="warm", packed_cache=False)
    walk = Walk("latency", (0, 1, 0), 1, inferences + WARMUPS)
    writer = SpecWriter(bundle, threads=1, start_on_tick=False)
    *_, last = (
        event
        for event in session.run(writer.spec(cell, walk, f"round{number}"))
        if isinstance(event, Switch)
    )
    return round(median(last.inference_ns[WARMUPS:]))


def _in_executorch(bundle: Bundle, folder: Path, inferences: int) -> int:
    task = bundle.tasks[0]
    model = bundle.model("executorch", "separate", task.name)
    inputs = [
        (str(folder / file), spec.shape)
        for file, spec in zip(task.golden_inputs, task.inputs, strict=True)
    ]
    said = _run(
        *("-c", _EXECUTORCH_LOOP, folder / model.path, model.entry(task.name)),
        *(inferences + WARMUPS, json.dumps(inputs), WARMUPS),
    )
    return round(json.loads(said.splitlines()[-1]))


def _in_litert(bundle: Bundle, folder: Path, inferences: int) -> int:
    task = bundle.tasks[0].name
    model = bundle.model("litert", "separate", task)
    with tempfile.TemporaryDirectory() as place:
        result = Path(place) / "result.json"
        _run(
            *("-m", "ai_edge_litert.tools.benchmark_litert_model", "--num_threads", 1),
            *("--model", folder / model.path, "--signature", model.entry(task)),
            *("--num_runs", inferences, "--warmup_runs", WARMUPS, "--result_json", result),
        )
        return round(json.loads(result.read_text())["latency"]["median_ms"] * _NS_PER_MS)


_OWN: dict[Runtime, Callable[[Bundle, Path, int], int]] = {
    "executorch": _in_executorch,
    "litert": _in_litert,
}


def _run(*words: object) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BadInput(f"the runtime's own benchmark ended with {done.returncode}: {last}")
    return done.stdout


def render(prices: Prices) -> Table:
    """A line for each runtime."""
    table = Table("runtime", "runner, ms", "its own benchmark, ms", "ratio")
    for price in prices.runtimes:
        table.add_row(
            price.runtime,
            *(f"{median(each) / _NS_PER_MS:.3f}" for each in (price.runner_ns, price.own_ns)),
            f"{price.ratio:.3f}",
        )
    table.caption = (
        f"{prices.task} alone, one thread: medians of {len(prices.runtimes[0].own_ns)} rounds in "
        f"turns, each the median of {prices.inferences} inferences"
    )
    return table


def main(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder, of two or more tasks.")],
    inferences: Annotated[int, typer.Option(min=1, help="Of each round.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Of each runtime and kind.")] = 7,
    max_ratio: Annotated[
        float | None, typer.Option(help="End with 1 above this: runner / own.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the figures here.")
    ] = None,
) -> None:
    """Measure what our runner adds to an inference."""
    with errors_told():
        prices = measure(bundle, inferences, rounds)
    Console().print(render(prices))
    if json_file is not None:
        prices.write(json_file)
    if max_ratio is not None and max(price.ratio for price in prices.runtimes) > max_ratio:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
