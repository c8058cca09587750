"""A night as JUnit XML, which build servers show: a suite per job."""

import re
from xml.etree import ElementTree as ET

from taskzip.benchmarks.nightly.words import moved_name, moved_words
from taskzip.contracts.nightly import JobResult, NightResult

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(result: NightResult) -> bytes:
    """The document: failures are figures that became worse, errors jobs that were not measured."""
    suites = ET.Element("testsuites", name=f"night {result.night}")
    for job in result.jobs:
        _add_suite(suites, job)
    for name in ("tests", "failures", "errors", "skipped"):
        suites.set(name, str(sum(int(suite.get(name, 0)) for suite in suites)))
    ET.indent(suites)
    return bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True)) + b"\n"


def _add_suite(suites: ET.Element, job: JobResult) -> None:
    worse = [moved for moved in job.moved if moved.is_worse]
    title = f"{job.subject} on {job.device}"
    suite = ET.SubElement(suites, "testsuite", name=title, time=f"{job.seconds:g}")
    whole = ET.SubElement(suite, "testcase", classname=title, name="measured")
    if job.status == "failed":
        ET.SubElement(whole, "error", message=_text(job.message or ""))
    elif job.status == "not reached":
        ET.SubElement(whole, "skipped", message=_text(job.message or ""))
    for moved in worse:
        case = ET.SubElement(suite, "testcase", classname=title, name=moved_name(moved))
        ET.SubElement(case, "failure", message=_text(moved_words(moved)))
    counts = {
        "tests": 1 + len(worse),
        "failures": len(worse),
        "errors": int(job.status == "failed"),
        "skipped": int(job.status == "not reached"),
    }
    for name, count in counts.items():
        suite.set(name, str(count))


def _text(message: str) -> str:
    """Without what XML cannot hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", message)
