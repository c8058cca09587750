"""A night: all jobs, within the time, going on where it was broken off."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic

from taskzip.benchmarks.history.store import History
from taskzip.benchmarks.nightly.job import NightJob
from taskzip.benchmarks.nightly.jobs import Clock, Job, Workshop, jobs_of
from taskzip.benchmarks.nightly.junit import as_junit
from taskzip.benchmarks.nightly.markdown import as_markdown
from taskzip.contracts.document import write_atomically
from taskzip.contracts.errors import CheckFailed, DeviceTrouble, TaskzipError
from taskzip.contracts.nightly import RESULT_FILE, JobResult, NightlyConfig, NightResult
from taskzip.contracts.progress import Progress

JOB_FILE = "job.json"
JUNIT_FILE = "junit.xml"
SUMMARY_FILE = "summary.md"
_SECONDS = 60


@dataclass(frozen=True)
class Night:
    """What a night needs."""

    name: str
    config: NightlyConfig
    history: History
    workshop: Workshop
    progress: Progress
    clock: Clock = monotonic

    def run(self) -> NightResult:
        """Every job's result, also in the night's folder; failed jobs are in it, not raised.

        A job that has been measured is not measured again; one that failed, or was not reached, is.
        """
        began = self.clock()
        result = NightResult(night=self.name, jobs=tuple(self._results(began)))
        folder = self.config.folder / self.name
        result.write(folder / RESULT_FILE)
        write_atomically(folder / JUNIT_FILE, as_junit(result))
        write_atomically(folder / SUMMARY_FILE, as_markdown(result).encode())
        return result

    def _results(self, began: float) -> Iterator[JobResult]:
        budget = self.config.budget_minutes
        for job in jobs_of(self.config, self.name):
            if (job.folder / JOB_FILE).exists():
                self.progress.step(f"{job.title}: measured already")
                yield JobResult.read(job.folder / JOB_FILE)
            elif budget is not None and self.clock() - began >= budget * _SECONDS:
                yield _unmeasured(job, "not reached", f"{budget:g} minutes were over")
            else:
                yield self._result(job)

    def _result(self, job: Job) -> JobResult:
        self.progress.step(job.title)
        began = self.clock()
        try:
            done = NightJob(job, self.name, self.config, self.history, self.workshop).run()
        except TaskzipError as error:
            return _unmeasured(job, "failed", str(error), isinstance(error, DeviceTrouble))
        done = done.model_copy(update={"seconds": round(self.clock() - began, 1)})
        done.write(job.folder / JOB_FILE)
        return done


def check_night(result: NightResult) -> None:
    """CheckFailed when something is worse or a subject failed; DeviceTrouble when a device did."""
    if result.worse:
        raise CheckFailed(
            f"{len(result.worse)} figures became slower or larger, see {SUMMARY_FILE}"
        )
    check_measured(result)


def check_measured(result: NightResult) -> None:
    """CheckFailed when a subject failed; DeviceTrouble when a device did."""
    for job in result.jobs:
        if job.status == "failed":
            trouble = DeviceTrouble if job.is_transient else CheckFailed
            raise trouble(f"{job.subject} on {job.device}: {job.message}")


def _unmeasured(job: Job, status, message: str, is_transient: bool = False) -> JobResult:
    return JobResult(
        subject=job.name,
        device=job.device_name,
        status=status,
        message=message,
        is_transient=is_transient,
    )
