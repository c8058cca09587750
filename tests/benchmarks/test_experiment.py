import json
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Flag
from threading import Timer
from time import sleep

import pytest
from jsonschema import Draft202012Validator

from taskzip.benchmarks.experiment import RunsSpecs, run_experiment
from taskzip.benchmarks.journal import read_records
from taskzip.benchmarks.plan import Plan, plan_experiment
from taskzip.contracts import schema
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.conditions import Conditions
from taskzip.contracts.config import BenchConfig
from taskzip.contracts.errors import BadInput, DeviceTrouble
from taskzip.contracts.events import Done, Event, Failure, Output, Switch
from taskzip.contracts.progress import Silent
from taskzip.contracts.record import Record
from taskzip.contracts.runspec import RunSpec

SMALL = BenchConfig(
    deployments=("joint", "separate-swap"), caches=("warm",), switches=8, warmups=2, blocks=2
)

Run = Callable[..., list[Record]]


@pytest.fixture
def plan(bundle: Bundle) -> Plan:
    return plan_experiment(bundle, SMALL)


@pytest.fixture
def run(plan: Plan, conditions: Conditions, tmp_path: Path) -> Run:
    def run(
        device: RunsSpecs,
        plan: Plan = plan,
        conditions: Conditions = conditions,
        resume: bool = False,
    ) -> list[Record]:
        run_experiment([device], plan, tmp_path, conditions, Silent(), resume=resume)
        return read_records(tmp_path)

    return run


@pytest.fixture(params=range(10))
def ten_times() -> None:
    """For what depends on the moment."""


class Altered:
    """A device whose events pass through a function."""

    def __init__(self, device: RunsSpecs, alter: Callable[[Event], Iterator[Event]]) -> None:
        self.device, self.alter = device, alter

    def run(self, spec: RunSpec) -> Iterator[Event]:
        for event in self.device.run(spec):
            yield from self.alter(event)

    def fetch(self, path: str) -> bytes:
        return self.device.fetch(path)


class Noting(Silent):
    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)


def test_an_unfinished_measurement_is_not_replaced_without_a_word(
    device, plan, conditions, tmp_path
) -> None:
    noting = Noting()
    run_experiment([device], plan, tmp_path, conditions, noting)
    lines = (tmp_path / "records.jsonl").read_text().splitlines(keepends=True)
    run_experiment([device], plan, tmp_path, conditions, noting)
    assert noting.steps == []
    (tmp_path / "records.jsonl").write_text("".join(lines[: len(lines) // 2]))
    run_experiment([device], plan, tmp_path, conditions, noting)
    (told,) = noting.steps
    assert re.fullmatch(
        rf"an interrupted measurement with \d+ of {len(plan.runs)} runs is replaced; .*", told
    )


def test_every_event_becomes_a_record_on_the_disk(run: Run, device, plan, tmp_path) -> None:
    records = run(device)
    assert device.ran == [planned.spec.run for planned in plan.runs]
    assert read_records(tmp_path) == records
    validator = Draft202012Validator(schema.shipped("record"))
    for line in (tmp_path / "records.jsonl").read_text().splitlines():
        validator.validate(json.loads(line))


def test_warmups_are_kept_and_marked(run: Run, device) -> None:
    switches = [record.event for record in run(device) if isinstance(record.event, Switch)]
    warmups = [switch for switch in switches if switch.warmup]
    assert len(warmups) == 2 * 2 * 8  # 2 warm-ups, 2 blocks, 8 cells
    assert len(switches) - len(warmups) == 8 * 8


def test_outputs_of_parity_runs_are_kept_beside_the_records(run: Run, device, tmp_path) -> None:
    run(device)
    kept = tmp_path / "outputs/litert.joint.warm.packed.parity/digits.out0.bin"
    assert kept.read_bytes() == (tmp_path / "bundle/golden/digits.joint.out0.bin").read_bytes()


def test_a_failed_run_stops_the_experiment_and_keeps_what_came(
    run: Run, device, plan, tmp_path
) -> None:
    device.breaks_at = plan.runs[10].spec.run
    with pytest.raises(DeviceTrouble, match=r"load_failed: no memory left"):
        run(device)
    records = read_records(tmp_path)
    assert {record.run for record in records} == {p.spec.run for p in plan.runs[:11]}
    assert isinstance(records[-1].event, Failure)


def test_a_run_that_never_says_done_is_trouble(run: Run, device, plan) -> None:
    device.drops_last_event_of = plan.runs[3].spec.run
    with pytest.raises(DeviceTrouble, match="without saying that it is done"):
        run(device)


def test_a_missing_switch_is_trouble(run: Run, device) -> None:
    def without_last_switch(event: Event) -> Iterator[Event]:
        if not (isinstance(event, Switch) and event.index == 5):
            yield event

    with pytest.raises(DeviceTrouble, match="6 switches were asked for"):
        run(Altered(device, without_last_switch))


def test_missing_inferences_are_trouble(run: Run, device) -> None:
    def with_one_inference(event: Event) -> Iterator[Event]:
        one = isinstance(event, Switch)
        yield event.model_copy(update={"inference_ns": (1,)}) if one else event

    with pytest.raises(DeviceTrouble, match="not every switch has 2 inferences"):
        run(Altered(device, with_one_inference))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"file": "runs/other/digits.out0.bin"}, "was not asked for"),
        ({"bytes": 1 << 40}, "its shape asks for 40"),
    ],
)
def test_an_output_that_does_not_fit_the_spec_is_never_fetched(
    run: Run, device, tmp_path, change, message
) -> None:
    def changed(event: Event) -> Iterator[Event]:
        yield event.model_copy(update=change) if isinstance(event, Output) else event

    with pytest.raises(DeviceTrouble, match=message):
        run(Altered(device, changed))
    assert not (tmp_path / "outputs").exists()


def test_resuming_runs_only_what_is_missing(run: Run, device, plan, tmp_path) -> None:
    device.breaks_at = plan.runs[10].spec.run
    with pytest.raises(DeviceTrouble):
        run(device)
    device.breaks_at = None
    device.ran.clear()
    run(device, resume=True)
    assert device.ran == [planned.spec.run for planned in plan.runs[10:]]
    done = [record.run for record in read_records(tmp_path) if isinstance(record.event, Done)]
    assert done == [planned.spec.run for planned in plan.runs]
    assert not any(isinstance(record.event, Failure) for record in read_records(tmp_path))


def test_a_parity_run_whose_outputs_were_not_fetched_is_run_again(run: Run, device, plan) -> None:
    class Unfetchable(Altered):
        def fetch(self, path: str) -> bytes:
            raise DeviceTrouble(f"{path}: connection lost")

    with pytest.raises(DeviceTrouble, match="connection lost"):
        run(Unfetchable(device, lambda event: iter([event])))
    device.ran.clear()
    run(device, resume=True)
    assert device.ran[0] == plan.runs[0].spec.run


def test_a_line_cut_by_a_power_failure_is_passed_over(run: Run, device, tmp_path) -> None:
    run(device)
    path = tmp_path / "records.jsonl"
    whole = path.read_text()
    path.write_text(whole[:-20])
    assert len(read_records(tmp_path)) == whole.count("\n") - 1
    device.ran.clear()
    run(device, resume=True)
    assert len(device.ran) == 1


def test_resuming_another_plan_is_refused(run: Run, device, bundle) -> None:
    run(device)
    other = plan_experiment(bundle, SMALL.model_copy(update={"seed": 1}))
    with pytest.raises(BadInput, match="belongs to another plan"):
        run(device, plan=other, resume=True)


def test_resuming_under_other_conditions_names_the_field(run: Run, device, conditions) -> None:
    run(device)
    other = conditions.model_copy(update={"memory_bytes": 1 << 30, "started_at": "later"})
    with pytest.raises(BadInput, match=r"memory_bytes: 536870912, 1073741824\)"):
        run(device, conditions=other, resume=True)


def test_resuming_where_nothing_was_measured_measures_everything(run: Run, device, plan) -> None:
    run(device, resume=True)
    assert len(device.ran) == len(plan.runs)


def test_measuring_anew_replaces_the_records(run: Run, device, tmp_path) -> None:
    first = run(device)
    run(device)
    assert len(read_records(tmp_path)) == len(first)


def test_a_damaged_record_is_named_by_its_line(run: Run, device, tmp_path) -> None:
    run(device)
    path = tmp_path / "records.jsonl"
    lines = path.read_text().splitlines()
    lines[4] = lines[4].replace('"kind"', '"king"')
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(BadInput, match=r"records\.jsonl:5: event"):
        read_records(tmp_path)


def test_two_devices_share_the_runtimes(device, other_device, plan, conditions, tmp_path) -> None:
    run_experiment([device, other_device], plan, tmp_path, conditions, Silent())
    names = [planned.spec.run for planned in plan.runs]
    assert device.ran == [name for name in names if name.startswith("executorch.")]
    assert other_device.ran == [name for name in names if name.startswith("litert.")]
    assert {record.run for record in read_records(tmp_path)} == set(names)


def test_one_device_in_trouble_stops_the_other(
    device, other_device, plan, conditions, tmp_path
) -> None:
    device.breaks_at = plan.runs[0].spec.run
    broken = Flag()

    def wait(event: Event) -> Iterator[Event]:
        broken.wait(timeout=5)
        yield event

    def tell(event: Event) -> Iterator[Event]:
        yield event
        if isinstance(event, Failure):
            Timer(0.2, broken.set).start()

    with pytest.raises(DeviceTrouble, match="no memory left"):
        run_experiment(
            [Altered(device, tell), Altered(other_device, wait)],
            plan,
            tmp_path,
            conditions,
            Silent(),
        )
    assert len(other_device.ran) == 1


@pytest.mark.usefixtures("ten_times")
def test_ctrl_c_as_early_as_can_be_leaves_no_device_running(
    device, other_device, plan, conditions, tmp_path
) -> None:
    sent = []

    def interrupt(event: Event) -> Iterator[Event]:
        if not sent:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGINT)
        yield event

    def dawdle(event: Event) -> Iterator[Event]:
        sleep(0.05)
        yield event

    devices = [Altered(device, interrupt), Altered(other_device, dawdle)]
    with pytest.raises(KeyboardInterrupt):
        run_experiment(devices, plan, tmp_path, conditions, Silent())
    alive = [thread.name for thread in threading.enumerate() if "ThreadPool" in thread.name]
    assert alive == []
    assert len(device.ran) + len(other_device.ran) < len(plan.runs)
