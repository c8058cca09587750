"""Tasks from configs in real folders: what loads, and what each mistake is told."""

import json
import random
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from taskzip.contracts.config import Config, TaskConfig
from taskzip.contracts.errors import BadInput
from taskzip.pipeline.networks.load import load_tasks

NETS = """
import torch
from torch import nn

def small():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))

def text():
    return "not a network"

def broken():
    raise KeyError("no such layer")
"""

DATA = """
import torch

def calibration():
    yield torch.ones(5, 3)
    yield torch.zeros(2, 3)

def evaluation():
    return [(torch.ones(2, 3), torch.tensor([0, 1]))]
"""


def folder_with(path: Path, **files: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (path / f"{name}.py").write_text(text)
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    save_file(network.state_dict(), path / "w.safetensors")
    return path


def config_in(folder: Path, **changes: str) -> Config:
    task = {
        "network": "nets:small",
        "weights": str(folder / "w.safetensors"),
        "calibration": "data:calibration",
        "evaluation": "data:evaluation",
        **changes,
    }
    return Config(
        tasks=tuple(TaskConfig.model_validate({"name": name, **task}) for name in ("a", "b"))
    )


def message(folder: Path, **changes: str) -> str:
    with pytest.raises(BadInput) as caught:
        load_tasks(config_in(folder, **changes), folder)
    return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_with(tmp_path / "config", nets=NETS, data=DATA)


def test_loads_every_task_in_eval_mode_with_the_files_weights(folder: Path) -> None:
    tasks = load_tasks(config_in(folder), folder)
    assert [task.name for task in tasks] == ["a", "b"]
    assert not tasks[0].network.training
    torch.manual_seed(0)
    expected = torch.nn.Linear(3, 4).weight
    assert torch.equal(dict(tasks[0].network.named_parameters())["0.weight"], expected)


def test_data_functions_start_anew_at_each_call(folder: Path) -> None:
    task = load_tasks(config_in(folder), folder)[0]
    assert [len(batch) for batch in task.calibration()] == [5, 2]
    assert [len(batch) for batch in task.calibration()] == [5, 2]
    assert task.evaluation is not None
    assert [labels.tolist() for _, labels in task.evaluation() if labels is not None] == [[0, 1]]


def test_an_evaluation_may_yield_inputs_alone_and_a_metric_may_be_ones_own(folder: Path) -> None:
    changes = {"evaluation": "data:calibration", "metric": "own:half", "loss": "squared"}
    (folder / "own.py").write_text("def half(answers, wanted):\n    return answers[:, 0] * 50\n")
    task = load_tasks(config_in(folder, **changes), folder)[0]
    assert task.evaluation is not None
    assert [(len(inputs), labels) for inputs, labels in task.evaluation()] == [(5, None), (2, None)]
    answers = torch.tensor([[1.0, 0.0], [0.5, 0.0]])
    assert task.metric(answers, answers).tolist() == [50.0, 25.0]
    assert task.loss == "squared"


def test_with_a_metric_of_ones_own_labels_are_anything_with_a_row_for_each_input(
    folder: Path,
) -> None:
    (folder / "own.py").write_text(
        "import torch\ndef zero(answers, wanted):\n    return torch.zeros(len(answers))\n"
        "def points():\n    return [(torch.ones(2, 3), torch.ones(2, 4))]\n"
        "def fewer():\n    return [(torch.ones(2, 3), torch.ones(1, 4))]\n"
    )
    found = {}
    for name in ("points", "fewer"):
        changes = {"evaluation": f"own:{name}", "metric": "own:zero"}
        found[name] = load_tasks(config_in(folder, **changes), folder)[0].evaluation
    assert found["points"] is not None
    assert found["fewer"] is not None
    assert [None if y is None else y.shape for _, y in found["points"]()] == [(2, 4)]
    with pytest.raises(BadInput, match=r"own:fewer: batch 0: labels .*\(1, 4\).* 2 rows"):
        list(found["fewer"]())


def test_leaves_path_modules_and_folder_as_they_were(folder: Path) -> None:
    path, names = list(sys.path), {name for name in sys.modules if "_taskzip_" not in name}
    load_tasks(config_in(folder), folder)
    assert sys.path == path
    assert {name for name in sys.modules if "_taskzip_" not in name} == names
    assert not list(folder.rglob("__pycache__"))


def test_two_folders_may_use_the_same_module_names(tmp_path: Path) -> None:
    one = folder_with(tmp_path / "one", nets=NETS, data=DATA)
    other = folder_with(tmp_path / "two", nets=NETS, data=DATA.replace("ones(5", "ones(9"))
    first, second = load_tasks(config_in(one), one), load_tasks(config_in(other), other)
    assert len(next(iter(first[0].calibration()))) == 5
    assert len(next(iter(second[0].calibration()))) == 9


@pytest.mark.parametrize(
    "name", ["random", "json", "pipeline", "types", "torchvision", "taskzip_x"]
)
def test_a_module_may_be_called_like_another_one(tmp_path: Path, name: str) -> None:
    nets = f"import {name}\nfrom {name} import WIDTH\n{NETS}\nassert {name}.WIDTH == WIDTH == 5\n"
    folder = folder_with(tmp_path / "c", nets=nets, data=DATA, **{name: f"WIDTH = 5\n{NETS}"})
    tasks = load_tasks(config_in(folder, network=f"{name}:small"), folder)
    assert isinstance(tasks[0].network, torch.nn.Sequential)
    load_tasks(config_in(folder), folder)
    assert random.random() < 1
    assert json.loads("[1]") == [1]


def test_packages_submodules_and_late_imports_of_the_folder_work(tmp_path: Path) -> None:
    data = "def calibration():\n    from parts.sizes import ROWS\n    import torch\n"
    data += "    import parts.sizes\n    yield torch.ones(ROWS + parts.sizes.ROWS, 3)\n"
    folder = folder_with(tmp_path / "c", data=data)
    folder_with(folder / "parts", nets="from .sizes import ROWS\nfrom . import sizes\n" + NETS)
    (folder / "parts" / "sizes.py").write_text("ROWS = 4\n")
    config = config_in(folder, network="parts.nets:small")
    stripped = config.model_copy(
        update={"tasks": tuple(t.model_copy(update={"evaluation": None}) for t in config.tasks)}
    )
    task = load_tasks(stripped, folder)[0]
    assert [len(batch) for batch in task.calibration()] == [8]
    assert task.evaluation is None


def test_a_module_that_is_installed_needs_no_file(folder: Path) -> None:
    with pytest.raises(BadInput, match="returned an object of type dict"):
        load_tasks(config_in(folder, network="builtins:dict"), folder)


def test_a_module_that_does_not_import_is_named_with_the_reason(folder: Path) -> None:
    assert "module 'absent' does not import" in message(folder, network="absent:small")
    (folder / "bad.py").write_text("import nothing_like_it\n")
    text = message(folder, network="bad:small")
    assert "task a: network bad:small" in text
    assert "No module named 'nothing_like_it'" in text


def test_a_missing_function_is_named(folder: Path) -> None:
    assert "module 'data' has no function 'calib'" in message(folder, calibration="data:calib")


def test_a_factory_that_gives_no_module_is_refused(folder: Path) -> None:
    assert "returned an object of type str" in message(folder, network="nets:text")


def test_a_factory_that_fails_is_quoted(folder: Path) -> None:
    assert "failed with KeyError: 'no such layer'" in message(folder, network="nets:broken")


def test_weights_of_the_wrong_shape_name_tensor_and_both_shapes(folder: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
    save_file(network.state_dict(), folder / "w.safetensors")
    assert "tensor '0.weight' has shape (5, 3), the network wants (4, 3)" in message(folder)


def test_missing_and_surplus_tensors_are_named(folder: Path) -> None:
    state = {"0.weight": torch.ones(4, 3), "0.bias": torch.ones(4), "2.weight": torch.ones(2, 4)}
    save_file({**state, "fc.bias": torch.ones(2)}, folder / "w.safetensors")
    text = message(folder)
    assert "missing 2.bias" in text
    assert "not in the network: fc.bias" in text


def test_weights_of_another_type_are_refused(folder: Path) -> None:
    state = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)
    ).state_dict()
    save_file({name: value.half() for name, value in state.items()}, folder / "w.safetensors")
    assert "is torch.float16, the network wants torch.float32" in message(folder)


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.bin", "hidden.safetensors"])
def test_pickles_are_refused_with_the_way_to_convert(folder: Path, name: str) -> None:
    torch.save({"0.weight": torch.ones(4, 3)}, folder / name)
    text = message(folder, weights=str(folder / name))
    assert "pickle" in text
    assert "safetensors.torch.save_file" in text


def test_a_file_that_is_no_safetensors_is_refused(folder: Path) -> None:
    (folder / "w.safetensors").write_bytes(b"not a tensor at all, just text")
    assert "not a safetensors file" in message(folder)


def test_a_missing_weights_file_is_named(folder: Path) -> None:
    assert "absent.safetensors: weights cannot be read" in message(
        folder, weights=str(folder / "absent.safetensors")
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_name_tensor_and_index(folder: Path, value: float) -> None:
    state = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)
    ).state_dict()
    state["0.weight"][1, 2] = value
    save_file(state, folder / "w.safetensors")
    assert f"tensor '0.weight' is {value} at index (1, 2)" in message(folder)


@pytest.mark.parametrize(
    ("batches", "said"),
    [
        ("[]", "yields no batch"),
        ("['text']", "batch 0 is of type str; a tensor is needed"),
        ("[torch.ones(0, 3)]", "batch 0 is empty"),
        ("[torch.ones(3)]", "no batch dimension"),
        ("[torch.ones(2, 3).long()]", "batch 0 is torch.int64; torch.float32 is needed"),
        ("[torch.ones(2, 3).index_fill(1, torch.tensor([1]), float('nan'))]", "index (0, 1)"),
        ("[torch.ones(2, 7)]", "0 (Linear) got (2, 7)"),
        ("1 / 0", "failed at batch 0 with ZeroDivisionError"),
        ("5", "failed at batch 0 with TypeError"),
    ],
)
def test_a_calibration_that_cannot_be_used_says_why(folder: Path, batches: str, said: str) -> None:
    (folder / "data.py").write_text(
        f"import torch\ndef calibration():\n    return {batches}\nevaluation = calibration\n"
    )
    text = message(folder)
    assert "task a: calibration data:calibration" in text
    assert said in text


@pytest.mark.parametrize(
    ("batches", "said"),
    [
        ("torch.ones(2, 4)", "batch 1 has inputs of shape (4,), those before have (3,)"),
        ("torch.full((2, 3), float('inf'))", "batch 1 is inf at index (0, 0)"),
    ],
)
def test_later_batches_are_checked_as_they_pass(folder: Path, batches: str, said: str) -> None:
    (folder / "data.py").write_text(
        f"import torch\ndef calibration():\n    return [torch.ones(2, 3), {batches}]\n"
        "evaluation = calibration\n"
    )
    task = load_tasks(config_in(folder), folder)[0]
    with pytest.raises(BadInput, match="data:calibration") as caught:
        list(task.calibration())
    assert said in str(caught.value)


@pytest.mark.parametrize("key", ["calibration", "evaluation"])
def test_data_that_raises_midway_names_task_function_batch_and_error(
    folder: Path, key: str
) -> None:
    (folder / "late.py").write_text(
        "import torch\n\ndef data():\n    for batch in range(9):\n        if batch == 3:\n"
        "            raise OSError('disk gone')\n        x = torch.ones(2, 3)\n"
        f"        yield x if {key == 'calibration'} else (x, torch.tensor([0, 1]))\n"
    )
    task = load_tasks(config_in(folder, **{key: "late:data"}), folder)[0]
    batches = getattr(task, key)
    with pytest.raises(BadInput) as caught:
        list(batches())
    assert str(caught.value) == (
        f"task a: {key} late:data: failed at batch 3 with OSError: disk gone"
    )
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ("[]", "yields no batch"),
        ("[[torch.ones(2, 3)]]", "a pair (inputs, labels) is needed"),
        ("[(torch.ones(2, 3), [0, 1])]", "labels are of type list"),
        ("[(torch.ones(2, 3), torch.tensor([0]))]", "2 whole numbers are needed"),
        ("[(torch.ones(2, 3), torch.tensor([0.0, 1.0]))]", "type torch.float32"),
    ],
)
def test_an_evaluation_that_cannot_be_used_says_why(folder: Path, pairs: str, said: str) -> None:
    (folder / "data.py").write_text(f"{DATA}\ndef evaluation():\n    return {pairs}\n")
    task = load_tasks(config_in(folder), folder)[0]
    assert task.evaluation is not None
    with pytest.raises(BadInput, match="task a: evaluation data:evaluation") as caught:
        list(task.evaluation())
    assert said in str(caught.value)
