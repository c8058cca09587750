"""What a night says, in words that every form of it shares."""

from taskzip.benchmarks.compare.sidebyside import cell_name
from taskzip.benchmarks.units import format_change
from taskzip.benchmarks.words import METRIC_SHORT
from taskzip.contracts.nightly import JobResult, Moved, NightResult


def headline(result: NightResult) -> str:
    """The night in a line."""
    better = sum(not moved.is_worse for job in result.jobs for moved in job.moved)
    unmeasured = sum(job.status != "measured" for job in result.jobs)
    parts = (
        (len(result.worse), "worse"),
        (better, "better"),
        (unmeasured, "jobs not measured"),
    )
    said = ", ".join(f"{count} {what}" for count, what in parts if count)
    return f"Night {result.night}: {said or 'nothing changed'}"


def job_line(job: JobResult) -> str:
    """A job in a line."""
    title = f"{job.subject} on {job.device}"
    if job.status != "measured":
        return f"{title}: {job.status}, {job.message}"
    learning = f", {job.learning} with too few nights" if job.learning else ""
    again = f", {job.measured_again} measured again" if job.measured_again else ""
    return f"{title}: {job.judged} figures judged{learning}{again}"


def moved_name(moved: Moved) -> str:
    """Which figure; of the pinned reference, that it is."""
    pinned = ", pinned reference" if moved.series.role == "reference" else ""
    return f"{cell_name(moved.series)} {METRIC_SHORT[moved.series.metric]}{pinned}"


def moved_words(moved: Moved) -> str:
    """How much, since when, and why."""
    nights = f"{moved.since_nights} nights" if moved.since_nights > 1 else "tonight"
    causes = " or ".join("OS" if cause == "os" else cause for cause in moved.causes)
    evidence = f" ({'; '.join(moved.evidence)})" if moved.evidence else ""
    return f"{format_change(moved.ratio)}, since {nights}; cause: {causes}{evidence}"
