"""A night as Markdown, for a summary page of a job."""

from collections.abc import Iterator

from taskzip.benchmarks.compare.markdown import escaped
from taskzip.benchmarks.nightly.words import headline, job_line, moved_name, moved_words
from taskzip.contracts.nightly import NightResult


def as_markdown(result: NightResult) -> str:
    """The text; what users named is escaped."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: NightResult) -> Iterator[str]:
    yield f"### {escaped(headline(result))}"
    yield ""
    for job in result.jobs:
        yield f"- {escaped(job_line(job))}"
    rows = [(job, moved) for job in result.jobs for moved in job.moved]
    if rows:
        yield from ("", "| figure | subject | device | change |", "| --- | --- | --- | --- |")
    for job, moved in rows:
        cells = (moved_name(moved), job.subject, job.device, moved_words(moved))
        yield f"| {' | '.join(map(escaped, cells))} |"
