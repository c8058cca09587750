import pytest

from taskzip.benchmarks.history.trends import Wanted, trends


def test_a_trend_has_a_point_per_entry_the_oldest_first(history, make_entry) -> None:
    for day, factor in ((2, 1.01), (1, 1.0), (3, 1.02)):
        history.add(make_entry(day=day, factor=factor))
    (trend,) = trends(
        history,
        Wanted(runtime="litert", deployment="separate-swap", metric="first_output_ns"),
    )
    assert [point.measured_at[:10] for point in trend.points] == [
        f"2026-01-{day:02d}" for day in (1, 2, 3)
    ]
    first = trend.points[0].median
    assert [p.median / first for p in trend.points] == pytest.approx([1, 1.01, 1.02], rel=1e-6)
    assert [point.reference_median for point in trend.points] == [None] * 3


def test_a_point_stands_beside_the_reference_of_its_session(history, make_entry) -> None:
    reference, _ = history.add(make_entry("first", is_reference=True))
    history.add(make_entry("second", reference=reference))
    of_reference, of_candidate = (
        trends(history, Wanted(role=role, runtime="litert", metric="switch_ns"))
        for role in ("reference", "candidate")
    )
    assert [t.points[0].median for t in of_reference] == [
        t.points[0].reference_median for t in of_candidate
    ]


def test_what_is_not_valid_is_left_out(history, make_entry) -> None:
    entry = make_entry()
    rows = [row.model_copy(update={"reasons": ("too few switches",)}) for row in entry.rows]
    history.add(entry.model_copy(update={"rows": tuple(rows)}))
    metrics = {trend.series.metric for trend in trends(history, Wanted())}
    assert metrics == {"storage_bytes", "pss_above_start_bytes"}


def test_other_devices_have_trends_of_their_own(history, make_entry) -> None:
    entry = make_entry()
    slower = {"flash_read_bytes_per_second": 100_000_000}
    other = entry.model_copy(update={"conditions": entry.conditions.model_copy(update=slower)})
    for each in (entry, other):
        history.add(each)
    metric = {"runtime": "litert", "deployment": "joint-lazy", "metric": "switch_ns"}
    assert len(trends(history, Wanted(**metric))) == 2
    (trend,) = trends(history, Wanted(device="95", **metric))
    assert "95" in trend.series.device


ROW = {"runtime": "litert", "deployment": "separate-swap"}


def test_a_change_is_told_with_its_entry_and_its_size(history, make_entry) -> None:
    for day in range(1, 13):
        wobble = 1 + 0.0005 * (day % 3)
        history.add(make_entry(day=day, factor=wobble * (1.02 if day > 8 else 1.0)))
    (trend,) = trends(history, Wanted(metric="first_output_ns", **ROW))
    (change,) = trend.changes
    assert change.measured_at.startswith("2026-01-09")
    assert change.ratio == pytest.approx(1.02, rel=1e-3)


def test_what_the_reference_shares_is_no_change(history, make_entry) -> None:
    """Both take 2 % longer from the ninth day on: the device changed, not the candidate."""
    for day in range(1, 13):
        factor = 1.02 if day > 8 else 1.0
        name, _ = history.add(make_entry("first", day, factor, is_reference=True))
        history.add(make_entry("second", day, factor, reference=name))
    of_candidate, of_reference = trends(history, Wanted(metric="first_output_ns", **ROW))
    assert (of_candidate.is_relative, of_candidate.changes) == (True, ())
    assert [change.measured_at[:10] for change in of_reference.changes] == ["2026-01-09"]


def test_sessions_of_one_night_count_once(history, make_entry) -> None:
    for day in range(1, 9):
        history.add(make_entry(day=day, night="every"))
    (trend,) = trends(history, Wanted(metric="switch_ns", **ROW))
    assert (len(trend.points), trend.changes) == (8, ())


def test_another_workload_or_less_memory_has_trends_of_its_own(history, make_entry) -> None:
    entry = make_entry()
    asked = ({}, {"workload": "bursty"}, {"memory_limit_bytes": 16 << 20}, {"lru_k": 2})
    for each in asked:
        conditions = entry.conditions.model_copy(update=each)
        history.add(entry.model_copy(update={"conditions": conditions}))
    devices = {each.device for each in history.listed()}
    assert len(devices) == len(asked)
    assert {"bursty workload", "limit 16 MiB", "2 files kept loaded"} <= {
        device.rpartition(", ")[2] for device in devices
    }
