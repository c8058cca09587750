"""Every zip that the cases ask for; what an earlier run finished is not done again."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from taskzip.benchmarks.zip_cases.results import Identity, Results
from taskzip.benchmarks.zip_cases.seeded import fingerprint, seeded_config
from taskzip.benchmarks.zip_cases.summary import way_name
from taskzip.contracts.config import ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import ZIP_METHODS
from taskzip.contracts.progress import Progress
from taskzip.contracts.zipcases import Case, CaseZip
from taskzip.pipeline.measured import Measured, mean_increase
from taskzip.pipeline.networks.load import load_tasks
from taskzip.pipeline.retraining import retrain
from taskzip.pipeline.zipper import Zipped, survey, zip_scene
from taskzip.pipeline.zipper.methods.registry import method_of


def run_case(
    case: Case, folder: Path, results: Results, progress: Progress, *, every_method: bool
) -> None:
    """Zip a case with each of its seeds as its config says; with every method if asked for."""
    for number in range(len(case.seeds)):
        repetition = _Repetition(case, number, folder)
        ways = [
            way
            for way in _ways(repetition.config.zip, every_method=every_method)
            if not repetition.is_done(way, results)
        ]
        if ways:
            progress.step(f"{case.name}: seed {number + 1} of {len(case.seeds)}")
            repetition.run(ways, results, progress)


def way_of(case: Case, folder: Path) -> str:
    """How tables call the way that a case's config asks for."""
    own = _own(seeded_config(case, 0, folder).zip)
    return way_name(own.method, refit=bool(own.refit))


class _Repetition:
    def __init__(self, case: Case, number: int, folder: Path) -> None:
        self._case, self._number = case, number
        self.config = seeded_config(case, number, folder)
        if self.config.retrain.layer_iterations:
            raise BadInput(
                f"{case.config}: retrain.layer_iterations is not taken here: each zip is measured "
                "before and after one training; set retrain.iterations"
            )
        self._tasks = load_tasks(self.config, (folder / case.config).resolve().parent)
        self._made_of = fingerprint(self.config, self._tasks)

    def is_done(self, way: ZipConfig, results: Results) -> bool:
        needed = [False, True] if self._retrains(way) else [False]
        return all(results.has(self._identity(way, each), self._made_of) for each in needed)

    def run(self, ways: Sequence[ZipConfig], results: Results, progress: Progress) -> None:
        tasks = self._tasks
        measured = Measured(tasks)
        scene = survey(tasks, self.config.zip, progress)
        for way in ways:
            progress.step(way_name(way.method, refit=bool(way.refit)))
            started = time.monotonic()
            try:
                zipped = zip_scene(scene, way, progress)
            except BadInput as error:
                progress.step(f"left out: {error}")
                continue
            results.add(self._result(way, zipped, measured, started))
            if self._retrains(way):
                with tempfile.TemporaryDirectory() as scratch:
                    checkpoint = Path(scratch) / "retrain.safetensors"
                    done = retrain(zipped.joint, tasks, self.config.retrain, progress, checkpoint)
                results.add(self._result(way, zipped, measured, started, done.iterations))

    def _result(
        self,
        way: ZipConfig,
        zipped: Zipped,
        measured: Measured,
        started: float,
        iterations: int | None = None,
    ) -> CaseZip:
        seconds = time.monotonic() - started
        tasks = measured.tasks(zipped.joint)
        ratio = zipped.bytes.joint / zipped.bytes.separate
        return CaseZip(
            made_of=self._made_of,
            case=self._case.name,
            repetition=self._number,
            method=way.method,
            refit=bool(way.refit),
            iterations=iterations,
            tasks=tasks,
            increase_points=mean_increase(tasks),
            size_ratio=ratio,
            size_of_one=ratio * len(tasks),
            seconds=seconds,
        )

    def _retrains(self, way: ZipConfig) -> bool:
        """Only the config's own way is retrained."""
        return self.config.retrain.iterations > 0 and way == _own(self.config.zip)

    def _identity(self, way: ZipConfig, retrained: bool) -> Identity:
        return (self._case.name, self._number, way.method, bool(way.refit), retrained)


def _ways(config: ZipConfig, *, every_method: bool) -> Iterator[ZipConfig]:
    own = _own(config)
    yield own
    for method in ZIP_METHODS if every_method else ():
        for refit in (False, True):
            way = config.model_copy(update={"method": method, "refit": refit})
            if way != own:
                yield way


def _own(config: ZipConfig) -> ZipConfig:
    refit = method_of(config).refits if config.refit is None else config.refit
    return config.model_copy(update={"refit": refit})
