"""From a config to a bundle, with real exports; built once for the session."""

import hashlib
import json
import shutil
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from taskzip.contracts.bundle import Bundle
from taskzip.contracts.config import TOLERANCES, Config, ExportConfig, load_config
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import RUNTIMES, ZIP_METHODS
from taskzip.contracts.progress import Silent
from taskzip.contracts.zipcomparison import ZipComparison
from taskzip.contracts.zipresult import ZipResult
from taskzip.pipeline.build import Stages, build, export_stage, zip_stage
from taskzip.pipeline.compare import compare
from taskzip.pipeline.exporters.workers import ExportWorkers
from taskzip.pipeline.inspection.inspect import inspect
from taskzip.pipeline.networks.load import load_tasks
from taskzip.pipeline.networks.user_code import UserFolder
from taskzip.pipeline.preview import preview
from taskzip.pipeline.zipped import copy_zip, export_again, zip_differences
from taskzip.pipeline.zipper import JointNetwork

PROJECT = Path(__file__).with_name("small_project")


def write_project(folder: Path) -> Path:
    """A user's folder with its weights; returns the config's path."""
    shutil.copytree(PROJECT, folder)
    for seed, name in enumerate(("day", "night")):
        write_weights(folder / f"{name}.safetensors", seed)
    return folder / "project.toml"


def write_weights(path: Path, seed: int) -> None:
    """Weights for the project's network, the same for the same seed."""
    torch.manual_seed(seed)
    network = UserFolder(PROJECT).module("networks").network()
    save_file(network.state_dict(), path)


class Said(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def step(self, text: str) -> None:
        """Keep the line."""
        self.lines.append(text)


@dataclass(frozen=True)
class Built:
    """A finished build."""

    config_path: Path
    out_dir: Path
    bundle: Bundle

    @property
    def folder(self) -> Path:
        """Where the user's modules are."""
        return self.config_path.parent

    @property
    def config(self) -> Config:
        """As it is read."""
        return load_config(self.config_path)

    def file(self, path: str) -> Path:
        """A file of the bundle."""
        return self.out_dir / "bundle" / path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, workers: ExportWorkers) -> Built:
    root = tmp_path_factory.mktemp("a project")
    config = write_project(root / "project")
    stages = Stages(
        load_config(config), config.parent, root / "out", lambda _: nullcontext(workers)
    )
    bundle = stages.export(Silent(), stages.zip(Silent(), fresh=False), fresh=False)
    return Built(config, root / "out", bundle)


def test_the_manifest_on_disk_is_the_bundle_that_was_returned(built: Built) -> None:
    assert Bundle.read(built.file("bundle.json")) == built.bundle


def test_the_manifest_says_which_plan_made_the_joint_network(built: Built) -> None:
    plan = (built.out_dir / "zip" / "plan.json").read_bytes()
    assert built.bundle.plan_sha256 == hashlib.sha256(plan).hexdigest()


def test_each_file_says_itself_how_it_was_made(built: Built) -> None:
    for file in inspect(built.out_dir / "bundle").files:
        assert file.provenance
        is_joint = len(file.entries) > 1
        assert file.provenance.tasks == file.entries
        assert file.provenance.plan_sha256 == (built.bundle.plan_sha256 if is_joint else None)
        assert file.provenance.versions.items() <= built.bundle.versions.items()


def test_a_manifest_that_names_another_plan_is_refused(built: Built, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(built.out_dir / "bundle", bundle)
    built.bundle.model_copy(update={"plan_sha256": "0" * 64}).write(bundle / "bundle.json")
    with pytest.raises(
        BadInput, match=r"joint\.\w+ says that plan \w+ made it, bundle\.json says 0"
    ):
        inspect(bundle)


def test_the_folder_holds_what_the_manifest_lists_and_nothing_else(built: Built) -> None:
    folder = built.out_dir / "bundle"
    listed = {file.path: file for file in (*built.bundle.models, *built.bundle.data)}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == {"bundle.json", *listed}
    for path, file in listed.items():
        content = built.file(path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256)


def test_every_runtime_has_joint_separate_and_tiny_files(built: Built) -> None:
    for runtime in RUNTIMES:
        joint = built.bundle.model(runtime, "joint", "day")
        assert joint == built.bundle.model(runtime, "joint", "night")
        alone = [built.bundle.model(runtime, "separate", task) for task in ("day", "night")]
        assert len({file.path for file in alone}) == 2
        assert joint.bytes < 0.75 * sum(file.bytes for file in alone)
        assert built.bundle.model(runtime, "tiny", "tiny").bytes < 4096


def test_golden_outputs_are_what_the_networks_answer_to_the_golden_inputs(built: Built) -> None:
    tasks = load_tasks(built.config, built.folder)
    joint = JointNetwork.load(built.out_dir / "zip")
    for task, described in zip(tasks, built.bundle.tasks, strict=True):
        (path,) = described.golden_inputs
        inputs = _tensor(built.file(path), described.inputs[0].shape)
        assert torch.equal(inputs, next(iter(task.calibration()))[:1])
        for form, network in (("joint", joint.task(task.name)), ("separate", task.network)):
            (path,) = described.golden_outputs[form]  # type: ignore[index]
            with torch.no_grad():
                expected = network(inputs)
            torch.testing.assert_close(
                _tensor(built.file(path), described.outputs[0].shape), expected
            )


def test_a_quantized_bundle_says_what_it_costs_and_what_its_files_answer(
    built: Built, tmp_path: Path, workers: ExportWorkers
) -> None:
    export = ExportConfig(runtimes=("litert",), precision="int8-static")
    config = built.config.model_copy(update={"export": export})
    shutil.copytree(built.out_dir, tmp_path / "out")
    stages = Stages(config, built.folder, tmp_path / "out", lambda _: nullcontext(workers))
    bundle = stages.export(Silent(), None, fresh=False)
    assert {(model.kind, model.precision) for model in bundle.models} == {
        ("joint", "int8-static"),
        ("separate", "int8-static"),
        ("tiny", "fp32"),
    }
    assert bundle.tolerance == TOLERANCES["int8-static"]
    for name, evaluated in (("day", 64), ("night", 0)):
        entry = bundle.model("litert", "joint", name).serving(name)
        assert entry.accuracy is not None
        assert 0 < entry.accuracy.output_error < 0.05
        assert entry.accuracy.evaluated == evaluated
        assert (entry.accuracy.error_percent is None) == (evaluated == 0)
        (path,) = entry.golden_outputs
        shape = next(task for task in bundle.tasks if task.name == name).outputs[0].shape
        answered = _tensor(tmp_path / "out" / "bundle" / path, shape)
        (golden,) = next(t for t in bundle.tasks if t.name == name).golden_outputs["joint"]
        in_fp32 = _tensor(tmp_path / "out" / "bundle" / golden, shape)
        assert 0 < (answered - in_fp32).abs().max() < 0.3 * in_fp32.abs().max()


def test_a_bundle_with_a_data_file_has_the_weights_in_a_file_of_their_own(
    built: Built, tmp_path: Path, workers: ExportWorkers
) -> None:
    export = ExportConfig(runtimes=("executorch",), data_file=True)
    config = built.config.model_copy(update={"export": export})
    shutil.copytree(built.out_dir, tmp_path / "out")
    stages = Stages(config, built.folder, tmp_path / "out", lambda _: nullcontext(workers))
    bundle = stages.export(Silent(), None, fresh=False)
    program, data = (
        next(model for model in bundle.models if model.path == f"executorch/joint{suffix}")
        for suffix in (".pte", ".ptd")
    )
    assert [entry.task for entry in program.entries] == ["day", "night"]
    assert (data.kind, data.entries) == ("joint", ())
    assert bundle.sharing == built.bundle.sharing
    folder = tmp_path / "out" / "bundle"
    ledger = next(file for file in inspect(folder).files if file.path == program.path)
    assert (ledger.bytes, ledger.data_bytes) == (program.bytes + data.bytes, data.bytes)
    (folder / data.path).write_bytes((folder / data.path).read_bytes()[:-1])
    with pytest.raises(BadInput, match=r"joint\.ptd: is not the file that the bundle lists"):
        inspect(folder)


def test_a_zip_that_was_kept_is_exported_again_into_the_same_files(
    built: Built, tmp_path: Path, workers: ExportWorkers
) -> None:
    copy_zip(built.out_dir, tmp_path / "kept")
    export = ExportConfig(runtimes=("litert",))
    config = built.config.model_copy(update={"export": export})
    stages = Stages(config, built.folder, tmp_path / "out", lambda _: nullcontext(workers))
    again = export_again(tmp_path / "kept", stages, Silent())
    assert again.models == tuple(m for m in built.bundle.models if m.runtime == "litert")
    assert zip_differences(tmp_path / "kept", built.out_dir) == ()


def test_what_two_zips_read_otherwise_is_named(built: Built, tmp_path: Path) -> None:
    copy_zip(built.out_dir, tmp_path)
    path = tmp_path / ".stamps" / "zip.json"
    stamp = json.loads(path.read_text())
    stamp["inputs"] |= {"weights of day": "0", "taskzip": "0.0"}
    stamp["sources"]["data.py"] = "0"
    path.write_text(json.dumps(stamp))
    named = zip_differences(built.out_dir, tmp_path)
    assert named == ("taskzip", "weights of day", "data.py")


def _tensor(path: Path, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.float32).reshape(shape)


def test_the_ledger_adds_up_to_the_joint_networks_weights(built: Built) -> None:
    sharing = built.bundle.sharing
    total = sharing.shared_bytes + sum(sharing.private_bytes.values())
    result = ZipResult.read(built.out_dir / "zip.json")
    assert total == 4 * result.parameters.joint
    assert sharing.shared_bytes == 4 * result.parameters.shared > 0


def test_the_zip_result_tells_errors_only_where_there_is_evaluation_data(built: Built) -> None:
    result = ZipResult.read(built.out_dir / "zip.json")
    day, night = result.tasks
    assert day.error_percent is not None
    assert night.error_percent is None
    assert result.cost.seconds > 0
    assert result.cost.peak_rss_bytes > 2**20


def test_the_resolved_config_is_beside_the_result(built: Built) -> None:
    written = json.loads((built.out_dir / "config.json").read_text())
    assert written == built.config.as_json_data()
    assert written["zip"]["refit"] is None


def test_nothing_is_left_beside_the_results(built: Built) -> None:
    names = {path.name for path in built.out_dir.iterdir()}
    assert names == {"bundle", "zip", "zip.json", "ledger.json", "config.json", ".stamps"}


def test_a_second_build_does_nothing_and_imports_no_framework(built: Built) -> None:
    before = {path: path.stat().st_mtime_ns for path in _files(built)}
    script = (
        "import sys, time; from pathlib import Path\n"
        "from taskzip.contracts.config import load_config\n"
        "from taskzip.contracts.progress import Silent\n"
        "from taskzip.pipeline.build import build\n"
        "config = Path(sys.argv[1])\n"
        "build(load_config(config), config.parent, Path(sys.argv[2]), Silent())\n"
        "assert not {'torch', 'executorch', 'litert_torch', 'numpy'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", script, str(built.config_path), str(built.out_dir)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    after = {path: path.stat().st_mtime_ns for path in _files(built)}
    assert after == before


def _files(built: Built) -> list[Path]:
    written = [path for path in built.out_dir.rglob("*") if path.is_file()]
    return [path for path in written if path.name != "config.json"]


def test_each_input_of_the_zip_is_noticed(built: Built, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    config_path = write_project(folder)
    stages = Stages(load_config(config_path), folder, built.out_dir)
    assert stages.reasons_to_zip() == ()
    write_weights(folder / "night.safetensors", 7)
    (folder / "sizes.py").write_text("HIDDEN = 6 * 8\n")
    config_path.write_text(config_path.read_text() + "\n[zip]\nrefit = false\n")
    stages = Stages(load_config(config_path), folder, built.out_dir)
    assert stages.reasons_to_zip() == (
        "[zip] changed",
        "weights of night changed",
        "sizes.py changed",
    )


def test_what_only_benchmarks_read_is_no_reason_to_run(built: Built, tmp_path: Path) -> None:
    config_path = write_project(tmp_path / "project")
    config_path.write_text(config_path.read_text() + "\n[bench]\nswitches = 3\n")
    stages = Stages(load_config(config_path), config_path.parent, built.out_dir)
    assert (stages.reasons_to_zip(), stages.reasons_to_export()) == ((), ())


def test_a_changed_file_of_the_bundle_is_noticed(built: Built) -> None:
    path = built.file("litert/joint.tflite")
    content = path.read_bytes()
    stages = Stages(built.config, built.folder, built.out_dir)
    try:
        path.write_bytes(content[:-1])
        assert stages.reasons_to_export() == ("bundle/litert/joint.tflite is not what was written",)
    finally:
        path.write_bytes(content)
    assert stages.reasons_to_export() == ()


def test_export_without_a_zip_says_what_to_run(built: Built, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="run `deploy zip` first"):
        export_stage(built.config, built.folder, tmp_path, Silent())
    assert list(tmp_path.iterdir()) == []


def test_a_failing_zip_leaves_the_bundle_as_it_was(built: Built) -> None:
    before = built.file("bundle.json").read_bytes()
    broken = built.config.model_copy(
        update={
            "tasks": (
                built.config.tasks[0],
                built.config.tasks[0].model_copy(
                    update={"name": "night", "network": "networks:missing"}
                ),
            )
        }
    )
    with pytest.raises(BadInput, match="missing"):
        build(broken, built.folder, built.out_dir, Silent())
    assert built.file("bundle.json").read_bytes() == before
    assert build(built.config, built.folder, built.out_dir, Silent()) == built.bundle


def test_a_preview_tells_layers_and_files_and_writes_nothing(built: Built, tmp_path: Path) -> None:
    seen = preview(built.config, built.folder, tmp_path)
    result = ZipResult.read(built.out_dir / "zip.json")
    assert seen.layers == result.layers
    made = {f"bundle/{model.path}" for model in built.bundle.models if model.kind != "tiny"}
    assert set(seen.files) == made
    assert (seen.zip_runs, seen.export_runs) == (
        ("it has not run here before",),
        ("the zip runs",),
    )
    assert list(tmp_path.iterdir()) == []


def test_a_preview_of_a_finished_build_has_no_reasons(built: Built) -> None:
    seen = preview(built.config, built.folder, built.out_dir)
    assert (seen.zip_runs, seen.export_runs) == ((), ())


def test_zipping_alone_twice_gives_the_same_weights(built: Built, tmp_path: Path) -> None:
    said = Said()
    zip_stage(built.config, built.folder, tmp_path, said)
    assert said.lines[0] == "zip: it has not run here before"
    for name in ("joint.safetensors", "plan.json"):
        assert (tmp_path / "zip" / name).read_bytes() == (built.out_dir / "zip" / name).read_bytes()
    zip_stage(built.config, built.folder, tmp_path, said)
    assert said.lines[-1] == "zip: nothing changed"


@pytest.mark.slow
def test_a_build_in_other_processes_gives_the_same_bytes(built: Built, tmp_path: Path) -> None:
    assert build(built.config, built.folder, tmp_path, Silent()) == built.bundle


def test_every_method_is_compared_with_refit_and_without(tmp_path: Path) -> None:
    config_path = write_project(tmp_path / "project")
    found = compare(load_config(config_path), config_path.parent, tmp_path, Silent())
    ways = [(each.method, each.refit) for each in found.zips]
    assert ways == [(method, refit) for method in ZIP_METHODS for refit in (False, True)]
    assert found.left_out == {}
    assert ZipComparison.read(tmp_path / "compare.json") == found
    errors = {(each.method, each.refit): sum(each.output_error.values()) for each in found.zips}
    assert errors["mtz", True] < errors["random", False]
