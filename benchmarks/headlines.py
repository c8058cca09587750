"""The three answers that a report opens with: storage, memory, switching."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from taskzip.benchmarks.naming import sides
from taskzip.benchmarks.settings import pss_above_start_bytes
from taskzip.benchmarks.units import (
    format_interval,
    format_mib,
    format_ns,
    format_percent,
    significant,
)
from taskzip.contracts.names import RUNTIMES, Deployment, Runtime
from taskzip.contracts.report import Comparison, Report, Row


@dataclass(frozen=True)
class Answer:
    """One runtime's answer: a figure to see first and the sentences that say what it is."""

    runtime: Runtime
    figure: str
    caption: str
    """What the figure is of, in a few words."""
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Headline:
    """A question and its answers."""

    question: str
    answers: tuple[Answer, ...]


def make_headlines(report: Report) -> tuple[Headline, ...]:
    """The questions that the report can answer, each with an answer per runtime."""
    questions = (
        ("How much storage?", _storage),
        ("How much memory?", _memory),
        ("How fast is a switch?", _switch),
        ("What do partly shared layers cost an inference?", _forms),
    )
    headlines = (
        Headline(
            question, tuple(found for runtime in RUNTIMES for found in answer(report, runtime))
        )
        for question, answer in questions
    )
    return tuple(headline for headline in headlines if headline.answers)


def _storage(report: Report, runtime: Runtime) -> Iterator[Answer]:
    for found, joint, separate in _find(report, runtime, "storage_bytes", "separate-resident"):
        sizes = f"{format_mib(joint.model_bytes)} MiB instead of {format_mib(separate.model_bytes)}"
        sentence = f"One joint file takes {sizes} MiB for a file per task."
        yield Answer(runtime, format_percent(found.ratio), "of separate", (sentence,))


def _memory(report: Report, runtime: Runtime) -> Iterator[Answer]:
    metric = "pss_above_start_bytes"
    for found, joint, separate in _find(report, runtime, metric, "separate-resident"):
        sizes = " instead of ".join(
            f"{format_mib(pss_above_start_bytes(row))} MiB" for row in (joint, separate)
        )
        sentence = (
            f"With all tasks ready the networks take {sizes} above the runtime's own, "
            "each side with its best setting."
        )
        yield Answer(runtime, format_percent(found.ratio), "of separate", (sentence,))


def _switch(report: Report, runtime: Runtime) -> Iterator[Answer]:
    first = _first_output(report, runtime)
    for found, joint, baseline in _find(report, runtime, "switch_ns", "separate-swap"):
        durations = f"{format_ns(joint.switch_ns.median)} instead of "
        sentence = (
            f"A switch takes {durations}{format_ns(baseline.switch_ns.median)}, what separate "
            "networks at their best need to load the next one when its pages are not in memory."
        )
        yield Answer(runtime, f"{significant(found.ratio)}×", "as fast", (sentence, *first))


def _forms(report: Report, runtime: Runtime) -> Iterator[Answer]:
    """The price of the forms that the joint file's layers are in."""
    forms = Counter(report.forms.get(runtime, {}).values())
    if not forms:
        return
    said = ", ".join(f"{count} {form}" for form, count in sorted(forms.items()))
    for found, joint, separate in _find(report, runtime, "inference_ns", "separate-resident"):
        ours, alone = (format_ns(row.inference_ns.median) for row in (joint, separate))
        sentences = (
            f"Layers that tasks share in part: {said}. An inference takes {ours} beside {alone}.",
            *_lazy_switch(report, runtime),
        )
        yield Answer(runtime, f"{significant(1 / found.ratio)}×", "of separate", sentences)


def _lazy_switch(report: Report, runtime: Runtime) -> tuple[str, ...]:
    """What loading a task takes, which puts assembled layers together."""
    return tuple(
        f"With one task loaded at a time, its pages not in memory, a switch takes "
        f"{format_ns(joint.switch_ns.median)} instead of {format_ns(separate.switch_ns.median)}."
        for found in report.comparisons
        if (found.runtime, found.metric) == (runtime, "switch_ns")
        for joint, separate in (sides(report, found),)
        if joint.deployment == "joint-lazy"
    )


def _first_output(report: Report, runtime: Runtime) -> tuple[str, ...]:
    """What a user feels, against the baseline that makes it hardest."""
    return tuple(
        f"The first output after it comes {significant(found.ratio)} times as soon "
        f"(95 % interval {format_interval(found.ci95)}) as from {found.baseline}, "
        "the strongest that keeps one network loaded."
        for found, _, _ in _find(report, runtime, "first_output_ns", "separate-swap")
    )


def _find(
    report: Report, runtime: Runtime, metric: str, baseline: Deployment
) -> list[tuple[Comparison, Row, Row]]:
    """The first comparison of `joint` by a metric against a deployment, with its rows."""
    found = (
        (comparison, *sides(report, comparison))
        for comparison in report.comparisons
        if (comparison.runtime, comparison.metric) == (runtime, metric)
    )
    return [
        entry
        for entry in found
        if (entry[1].deployment, entry[2].deployment) == ("joint", baseline)
    ][:1]
