"""A job's last files that were not worse: kept, and measured once more when tonight's are."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from taskzip.benchmarks.history.entries import models_sha256
from taskzip.benchmarks.measure import BUNDLE_DIR
from taskzip.benchmarks.nightly.figures import Figures
from taskzip.benchmarks.nightly.jobs import Job, Workshop
from taskzip.benchmarks.nightly.pair import copy_bundle, read_bundle
from taskzip.contracts.bundle import BUNDLE_FILE
from taskzip.pipeline.zipped import copy_zip, has_zip, zip_differences

EXPORTED_DIR = "exported"
"""Below the job's folder: the last good zip, as tonight's exporters make it."""
LogRatios = Callable[[Path, Path, str], Figures]
"""Measures the files in a folder beside those in another, in a session of that name."""


@dataclass(frozen=True)
class Reruns:
    """Log ratios to the last good files, in sessions of tonight."""

    tonight: Figures = field(default_factory=dict)
    """Of tonight's files; empty where they are the last good ones, or none are kept."""
    exported: Figures | None = None
    """Of the last good zip, exported again; None where no zip is kept."""
    zip_differences: tuple[str, ...] = ()
    """What tonight's zip read otherwise than the last good one."""


@dataclass(frozen=True)
class LastGood:
    """The files in the job's folder of the last good ones."""

    job: Job
    workshop: Workshop

    def keep(self, candidate: Path) -> None:
        """These are what a later, worse night is held against."""
        shutil.rmtree(self.job.good, ignore_errors=True)
        copy_bundle(read_bundle(candidate), candidate, self.job.good)
        if self.job.subject.config is not None and has_zip(candidate):
            copy_zip(candidate, self.job.good)

    def rerun(self, candidate: Path, measure: LogRatios) -> Reruns:
        """Beside tonight's files; where its zip is kept, also exported with tonight's exporters."""
        good = self.job.good
        is_kept = (good / BUNDLE_DIR / BUNDLE_FILE).exists()
        if not is_kept or _sha256(good) == _sha256(candidate):
            return Reruns()
        tonight = measure(good, candidate, "good")
        if self.job.subject.config is None or not has_zip(good):
            return Reruns(tonight)
        exported = self.job.folder / EXPORTED_DIR
        self.workshop.export_again(self.job.subject.config, good, exported)
        return Reruns(
            tonight,
            self._exported(exported, candidate, tonight, measure),
            zip_differences(good, candidate),
        )

    def _exported(
        self, exported: Path, candidate: Path, tonight: Figures, measure: LogRatios
    ) -> Figures:
        """Files that have been measured already are not measured again."""
        made = _sha256(exported)
        if made == _sha256(self.job.good):
            return dict.fromkeys(tonight, 0.0)
        if made == _sha256(candidate):
            return tonight
        return measure(self.job.good, exported, EXPORTED_DIR)


def _sha256(folder: Path) -> str:
    return models_sha256(read_bundle(folder))
