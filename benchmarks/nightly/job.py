"""One job: measured in pairs, judged, measured again where suspicious, named."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path
from typing import Any

from taskzip.benchmarks.checks import check_parity
from taskzip.benchmarks.compare.session import Measured, from_report
from taskzip.benchmarks.compare.source import Source
from taskzip.benchmarks.history.entries import device_name, entry_of
from taskzip.benchmarks.history.store import History
from taskzip.benchmarks.nightly.causes import Sessions, name_causes
from taskzip.benchmarks.nightly.detector import (
    LEARNING,
    Suspicion,
    confirmed,
    suspicion_of,
)
from taskzip.benchmarks.nightly.figures import (
    Asked,
    Figures,
    Judged,
    errors_of,
    figure_of,
    judged_figures,
    log_ratios,
    values_of,
)
from taskzip.benchmarks.nightly.good import LastGood, Reruns
from taskzip.benchmarks.nightly.jobs import Job, Workshop
from taskzip.benchmarks.nightly.join import ROLES
from taskzip.benchmarks.nightly.pair import Pair
from taskzip.contracts.config import BenchConfig
from taskzip.contracts.history import Entry, Role, Series
from taskzip.contracts.names import RUNTIMES, Runtime
from taskzip.contracts.nightly import JobResult, Moved, NightlyConfig
from taskzip.contracts.report import REPORT_FILE

AGAIN = 2
"""Sessions that settle a suspicion."""
_BUILT_DIR = "built"


@dataclass(frozen=True)
class Suspect:
    """A figure to be measured again, and why."""

    judged: Judged
    suspicion: Suspicion


@dataclass(frozen=True)
class NightJob:
    """A job with all that it needs."""

    job: Job
    night: str
    config: NightlyConfig
    history: History
    workshop: Workshop

    def run(self) -> JobResult:
        """What came of it; what goes wrong is raised."""
        candidate = self._candidate()
        first = self._pair(self.job.subject.reference, candidate, "first")
        measured = self._measure(first, self.config.bench)
        names = self._keep(measured)
        asked = self._asked(measured["candidate"])
        errors = errors_of(*_sources(first.folder, measured))
        figures = judged_figures(self.history, asked, names, errors)
        suspects = [
            Suspect(each, suspicion)
            for each in figures
            if (suspicion := suspicion_of(each.past, each.tonight))
        ]
        moved = self._settle(suspects, asked, candidate, names) if suspects else ()
        if not any(each.is_worse for each in moved):
            self._last_good.keep(candidate)
        learning = sum(len(each.past.values) < LEARNING for each in figures)
        return JobResult(
            subject=self.job.name,
            device=self.job.device_name,
            status="measured",
            judged=len(figures) - learning,
            learning=learning,
            measured_again=len(suspects),
            moved=moved,
        )

    def _candidate(self) -> Path:
        if self.job.subject.bundle is not None:
            return self.job.subject.bundle
        assert self.job.subject.config is not None  # noqa: S101 - the contract has one of both
        self.workshop.build(self.job.subject.config, self.job.folder / _BUILT_DIR)
        return self.job.folder / _BUILT_DIR

    def _pair(self, reference: Path, candidate: Path, name: str) -> Pair:
        return Pair(reference, candidate, self.job.folder / name, self.config.runtimes)

    def _measure(self, pair: Pair, bench: BenchConfig) -> dict[Role, Measured]:
        """Both sides; CheckFailed when an output is wrong."""
        bench = self.workshop.bench_on(bench, self.job.device)
        reports = pair.measure(
            bench,
            lambda plan, folder: self.workshop.carry_out(plan, folder, bench, self.job.device),
        )
        for report in reports.values():
            check_parity(report)
        return {role: from_report(pair.folder / role / REPORT_FILE) for role in ROLES}

    def _keep(self, measured: dict[Role, Measured]) -> tuple[str, str]:
        """Both sides into the history; their names there."""
        subject, night = self.job.name, self.night
        reference, _ = self.history.add(
            entry_of(measured["reference"], subject, night=night, is_reference=True)
        )
        candidate, _ = self.history.add(
            entry_of(measured["candidate"], subject, night=night, reference=reference)
        )
        return reference, candidate

    def _asked(self, measured: Measured) -> Asked:
        device = device_name(measured.conditions)
        return Asked(self.job.name, device, self.night, self.config.least_percent / 100)

    def _settle(
        self, suspects: Sequence[Suspect], asked: Asked, candidate: Path, names: tuple[str, str]
    ) -> tuple[Moved, ...]:
        """Measure suspects again; where they are confirmed, the last good files as well."""
        bench, runtimes = narrowed(self.config.bench, [each.judged.series for each in suspects])
        again = []
        for number in range(AGAIN):
            pair = self._pair(self.job.subject.reference, candidate, f"again{number + 1}")
            measured = self._measure(replace(pair, runtimes=runtimes), bench)
            again.append(values_of(self.history, asked, self._keep(measured)))
        series = [suspect.judged.series for suspect in suspects]
        values = [[each[one] for each in again if one in each] for one in series]
        shifts = confirmed([(each.judged.past, each.suspicion) for each in suspects], values)
        shown = [(each, s) for each, s in zip(suspects, shifts, strict=True) if s is not None]
        reruns = Reruns()
        if any(each.judged.series.role == "candidate" for each, _ in shown):

            def log_ratios_of(reference: Path, other: Path, name: str) -> Figures:
                pair = replace(self._pair(reference, other, name), runtimes=runtimes)
                return log_ratios(*_sources(pair.folder, self._measure(pair, bench)))

            reruns = self._last_good.rerun(candidate, log_ratios_of)
        return tuple(self._moved(each, shift, reruns, names) for each, shift in shown)

    @property
    def _last_good(self) -> LastGood:
        return LastGood(self.job, self.workshop)

    def _moved(
        self, suspect: Suspect, shift: float, reruns: Reruns, names: tuple[str, str]
    ) -> Moved:
        judged, suspicion = suspect.judged, suspect.suspicion
        before = judged.nights[-suspicion.nights].first.entry
        figure = figure_of(judged.series)
        causes, evidence = name_causes(
            judged.series,
            Sessions(
                self._entry(before),
                self._entry(names[judged.series.role == "candidate"]),
                shift,
                judged.past.least,
                reruns.tonight.get(figure),
                (reruns.exported or {}).get(figure),
                reruns.zip_differences,
            ),
        )
        return Moved(
            series=judged.series,
            ratio=exp(shift),
            p=suspicion.p,
            since_nights=suspicion.nights,
            causes=causes,
            evidence=evidence,
        )

    def _entry(self, name: str) -> Entry:
        return self.history.get(name)[1]


def narrowed(
    bench: BenchConfig, wanted: Sequence[Series]
) -> tuple[BenchConfig, tuple[Runtime, ...]]:
    """What to measure again: as little as covers the series."""

    def only(values: Sequence[Any], name: str) -> tuple[Any, ...]:
        return tuple(each for each in values if any(getattr(s, name) == each for s in wanted))

    update = {
        "deployments": only(bench.deployments, "deployment"),
        "caches": only(bench.caches, "cache"),
        "packed_caches": only(bench.packed_caches, "packed_cache"),
    }
    return bench.model_copy(update=update), only(RUNTIMES, "runtime")


def _sources(folder: Path, measured: dict[Role, Measured]) -> tuple[Source, Source]:
    reference, candidate = (Source(role, folder, (measured[role],)) for role in ROLES)
    return reference, candidate
