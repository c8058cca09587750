"""The composer: tasks → zip → export → bundle, each stage only if something it reads changed.

Nothing here imports a framework until a stage has to run, so that finding nothing to do is quick.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from taskzip.contracts.bundle import BUNDLE_FILE, Bundle
from taskzip.contracts.config import Config, TaskConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Progress
from taskzip.contracts.zipresult import ZipResult
from taskzip.pipeline import layout, stamp

if TYPE_CHECKING:
    from taskzip.pipeline.export_stage import StartWorkers
    from taskzip.pipeline.zip_stage import Networks

_EXPORT_PACKAGES = (
    "torch",
    "executorch",
    "torchao",
    "litert-torch",
    "ai-edge-litert",
    "ai-edge-quantizer",
)


def build(
    config: Config, folder: Path, out_dir: Path, progress: Progress, *, fresh: bool = False
) -> Bundle:
    """The bundle of a config whose modules lie in `folder`; `fresh` runs all stages anyway."""
    stages = Stages(config, folder.absolute(), out_dir)
    return stages.export(progress, stages.zip(progress, fresh=fresh), fresh=fresh)


def zip_stage(
    config: Config, folder: Path, out_dir: Path, progress: Progress, *, fresh: bool = False
) -> ZipResult:
    """Zip alone: `zip.json` and the folder `zip`."""
    Stages(config, folder.absolute(), out_dir).zip(progress, fresh=fresh)
    return ZipResult.read(layout.zip_result(out_dir))


def export_stage(
    config: Config, folder: Path, out_dir: Path, progress: Progress, *, fresh: bool = False
) -> Bundle:
    """Export what was zipped before; BadInput if that is not there or out of date."""
    stages = Stages(config, folder.absolute(), out_dir)
    reasons = stages.reasons_to_zip()
    if reasons:
        raise BadInput(
            f"{out_dir}: there is no zip of this config to export ({'; '.join(reasons)}); "
            "run `deploy zip` first"
        )
    return stages.export(progress, None, fresh=fresh)


@dataclass(frozen=True)
class Stages:
    """The stages of one config into one output folder; `folder` is absolute."""

    config: Config
    folder: Path
    out_dir: Path
    start_workers: "StartWorkers | None" = None
    """How exporters are started, if not anew for each export."""

    def reasons_to_zip(self) -> tuple[str, ...]:
        """Why the zip stage would run; empty if it would not."""
        return stamp.reasons_to_run(
            self._stamp("zip"), self.zip_inputs(), self.folder, self.out_dir
        )

    def reasons_to_export(self) -> tuple[str, ...]:
        """Why the export stage would run, given the zip that is there; empty if it would not."""
        return stamp.reasons_to_run(
            self._stamp("export"), self._export_inputs(), self.folder, self.out_dir
        )

    def zip(self, progress: Progress, *, fresh: bool) -> "Networks | None":
        """The zip stage; None if nothing changed."""
        self.config.write(layout.resolved_config(self.out_dir))
        reasons = ("asked for",) if fresh else self.reasons_to_zip()
        if not reasons:
            progress.step("zip: nothing changed")
            return None
        progress.step(f"zip: {'; '.join(reasons)}")
        from taskzip.pipeline.zip_stage import run_zip  # noqa: PLC0415  # imports torch

        inputs = self.zip_inputs()
        networks = run_zip(self.config, self.folder, self.out_dir, progress, fresh=fresh)
        written = (layout.zip_result(self.out_dir), *layout.zip_files(self.out_dir))
        self._write_stamp("zip", inputs, written, stamp.imported_sources(self.folder))
        return networks

    def export(self, progress: Progress, networks: "Networks | None", *, fresh: bool) -> Bundle:
        """The export stage; `networks` are those just zipped, else they are loaded."""
        manifest = layout.bundle_folder(self.out_dir) / BUNDLE_FILE
        reasons = ("asked for",) if fresh else self.reasons_to_export()
        if not reasons:
            progress.step("export: nothing changed")
            return Bundle.read(manifest)
        progress.step(f"export: {'; '.join(reasons)}")
        from taskzip.pipeline.export_stage import run_export  # noqa: PLC0415  # imports torch
        from taskzip.pipeline.exporters.workers import (  # noqa: PLC0415  # imports torch
            export_workers,
        )
        from taskzip.pipeline.zip_stage import load_networks  # noqa: PLC0415  # imports torch

        inputs = self._export_inputs()
        loaded = networks or load_networks(self.config, self.folder, self.out_dir)
        start = self.start_workers or export_workers
        bundle = run_export(self.config, loaded, self.out_dir, progress, start)
        files = (manifest.parent / file.path for file in (*bundle.models, *bundle.data))
        written = (manifest, layout.ledger(self.out_dir), *files)
        self._write_stamp("export", inputs, written)
        return bundle

    def _stamp(self, stage: str) -> Path:
        return layout.stamp(self.out_dir, stage)

    def _write_stamp(
        self,
        stage: str,
        inputs: dict[str, str],
        written: tuple[Path, ...],
        sources: dict[str, str] | None = None,
    ) -> None:
        outputs = sorted(path.relative_to(self.out_dir).as_posix() for path in written)
        stamp.write_stamp(self._stamp(stage), inputs, outputs, self.out_dir, sources)

    def zip_inputs(self) -> dict[str, str]:
        """What the zip stage reads, as its stamp has it: names → hashes and versions."""
        tasks = [_without_paths(task) for task in self.config.tasks]
        return {
            "[[tasks]]": stamp.hash_data(tasks),
            "[zip]": stamp.hash_data(self.config.zip.model_dump(mode="json")),
            "[retrain]": stamp.hash_data(self.config.retrain.model_dump(mode="json")),
            **self._plan_input(),
            **_hashes_of_files(self.config.tasks),
            "taskzip": stamp.own_code(),
            **stamp.installed(stamp.ZIP_PACKAGES),
        }

    def _plan_input(self) -> dict[str, str]:
        plan = self.config.zip.plan
        return {} if plan is None else {"the plan": stamp.hash_file(plan)}

    def _export_inputs(self) -> dict[str, str]:
        return {
            "the zip": stamp.hash_file(self._stamp("zip")),
            "[export]": stamp.hash_data(self.config.export.model_dump(mode="json")),
            "taskzip": stamp.own_code(),
            **stamp.installed(_EXPORT_PACKAGES),
        }


def _without_paths(task: TaskConfig) -> dict[str, object]:
    """The task's keys but for files, which are known by what is in them."""
    paths = {"weights", "network"} if task.network_file else {"weights"}
    return task.model_dump(mode="json", exclude=paths)


def _hashes_of_files(tasks: tuple[TaskConfig, ...]) -> dict[str, str]:
    files = {f"weights of {task.name}": task.weights for task in tasks}
    files |= {f"network of {task.name}": task.network_file for task in tasks}
    return {what: stamp.hash_file(path) for what, path in files.items() if path is not None}
