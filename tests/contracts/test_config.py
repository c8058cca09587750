from pathlib import Path

import pytest

from taskzip.contracts.config import Config, load_config
from taskzip.contracts.errors import BadInput

TASKS = """
[[tasks]]
name = "a"
network = "nets:make"
weights = "w/a.safetensors"
calibration = "data:a"

[[tasks]]
name = "b"
network = "nets:make"
weights = "w/b.safetensors"
calibration = "data:b"
"""


def load(folder: Path, text: str) -> Config:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path)


def test_everything_but_the_tasks_has_a_default(tmp_path: Path) -> None:
    config = load(tmp_path, TASKS)
    assert config.zip.method == "mtz"
    assert config.zip.refit is None
    assert config.export.runtimes == ("executorch", "litert")
    assert config.bench.clock is None
    assert config.device.device == "auto"


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = load(tmp_path, TASKS)
    assert config.tasks[0].weights == tmp_path / "w" / "a.safetensors"


def test_a_network_file_needs_no_weights_and_lies_beside_the_config(tmp_path: Path) -> None:
    text = TASKS.replace('weights = "w/a.safetensors"\n', "")
    task = load(tmp_path, text.replace("nets:make", "w/a.pt2", 1)).tasks[0]
    assert task.network_file == tmp_path / "w" / "a.pt2"
    assert task.weights is None


def test_a_network_by_name_takes_options(tmp_path: Path) -> None:
    options = "network_options = { num_classes = 10, strides = [1, 2] }\n"
    config = load(
        tmp_path, TASKS.replace('network = "nets:make"\n', 'network = "timm:x"\n' + options)
    )
    assert config.tasks[0].network_options == {"num_classes": 10, "strides": [1, 2]}
    assert config.tasks[0].network_file is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'weights = "w/a.safetensors"',
            "",
            "task a: network nets:make has no weights; add weights",
        ),
        (
            "nets:make",
            "nets",
            "a network is 'module:factory', 'torchvision:NAME', 'timm:NAME' or a",
        ),
        ("nets:make", "a.onnx", "a file that ends in .pt2, .keras, .h5, got 'a.onnx'"),
        (
            '"nets:make"',
            '"a.keras"\nnetwork_options = { x = 1 }',
            "task a: network a.keras is a file and takes no network_options",
        ),
    ],
)
def test_a_network_that_cannot_be_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(BadInput) as caught:
        load(tmp_path, TASKS.replace(old, new, 1))
    assert message in str(caught.value)


def test_share_takes_a_fraction_a_count_or_one_of_them_per_layer(tmp_path: Path) -> None:
    fraction = load(tmp_path, TASKS + "[zip]\nshare = 0.5\n").zip.share
    count = load(tmp_path, TASKS + "[zip]\nshare = 3\n").zip.share
    layers = load(tmp_path, TASKS + "[zip.share]\nfc1 = 10\nfc2 = 0.25\n").zip.share
    assert (fraction, count, layers) == (0.5, 3, {"fc1": 10, "fc2": 0.25})
    assert isinstance(fraction, float)
    assert isinstance(count, int)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[zip]\nmetod = 1\n", "unknown key 'metod' at zip; did you mean 'method'?"),
        ("[benhc]\n", "unknown key 'benhc' at the top level; did you mean 'bench'?"),
        ("[bench]\nswitchs = 3\n", "did you mean 'switches'?"),
        ("[zip]\nmethod = 'magic'\n", "zip.method: Input should be 'mtz', 'hybrid', "),
        ("[zip]\nshare = 1.5\n", "zip.share"),
        ("[bench]\nswitches = 0\n", "bench.switches"),
        ("[bench]\nclock = 'sundial'\n", "bench.clock"),
        ("[device]\nmemory_mib = 'much'\n", "device.memory_mib"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        load(tmp_path, TASKS + text)
    assert message in str(caught.value)
    assert "config.toml" in str(caught.value)


def test_an_unknown_key_of_a_task_suggests_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"unknown key 'netwrk' at tasks.1; did you mean 'network'"):
        load(tmp_path, TASKS + 'netwrk = "x:y"\n')


@pytest.mark.parametrize("name", ["a/b", "a b", "a;b", "$(reboot)", "", "1st", "../up", "a\nb"])
def test_a_task_name_that_is_not_an_identifier_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=r"tasks\.0\.name"):
        load(tmp_path, TASKS.replace('"a"', repr(name)[1:-1].join(['"', '"'])))


def test_more_tasks_than_the_runner_loads_are_refused(tmp_path: Path) -> None:
    task = TASKS.split("[[tasks]]")[1]
    text = "".join("[[tasks]]" + task.replace('"a"', f'"t{index}"') for index in range(257))
    with pytest.raises(BadInput, match="257 tasks; the runner loads at most 256"):
        load(tmp_path, text)


def test_a_task_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="task named twice: a"):
        load(tmp_path, TASKS.replace('"b"', '"a"'))


def test_the_baselines_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="memory baseline"):
        load(tmp_path, TASKS.replace('"b"', '"tiny"'))


def test_the_joint_files_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="joint network's own files"):
        load(tmp_path, TASKS.replace('"b"', '"joint"'))


def test_one_task_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="tasks"):
        load(tmp_path, TASKS[: TASKS.index("[[tasks]]", 5)])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.toml: config cannot be read"):
        load_config(tmp_path / "nowhere.toml")


def test_a_file_that_is_not_toml_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"not TOML: .*line 1"):
        load(tmp_path, "tasks = = 3")


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="not TOML"):
        load_config(tmp_path / "c.toml")


def test_retraining_on_labels_asks_for_them(tmp_path: Path) -> None:
    text = TASKS + '[retrain]\niterations = 5\ntarget = "labels"\n'
    with pytest.raises(BadInput, match=r"task a, b has no labelled training data; add training"):
        load(tmp_path, text)
    labels = 'calibration = "data:a"\ntraining = "data:labels"'
    for name in ("a", "b"):
        text = text.replace(f'calibration = "data:{name}"', labels)
    assert load(tmp_path, text).tasks[1].training == "data:labels"


@pytest.mark.parametrize("task_asks", [False, True])
@pytest.mark.parametrize(
    ("retrain", "message"),
    [
        ("batch_size = 2", r"needs a retrain\.batch_size of 3 or more, not 2"),
        ('target = "labels"', r'feature_weight goes with retrain\.target "outputs"'),
    ],
)
def test_features_are_learned_beside_outputs_from_batches_of_three(
    tmp_path: Path, retrain: str, message: str, task_asks: bool
) -> None:
    weight = "feature_weight = 0.5\n"
    tasks, more = (TASKS + weight, "") if task_asks else (TASKS, weight)
    with pytest.raises(BadInput, match=message):
        load(tmp_path, f"{tasks}[retrain]\n{retrain}\n{more}")
    load(tmp_path, f"{tasks}[retrain]\nbatch_size = 3\n{more}")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ('["x", "y", "x"]', r"'x' stands there twice"),
        ('["a b"]', r"input_names"),
        ('["9"]', r"input_names"),
    ],
)
def test_names_of_inputs_are_words_that_differ(tmp_path: Path, names: str, message: str) -> None:
    text = TASKS.replace('name = "a"\n', f'name = "a"\ninput_names = {names}\n')
    with pytest.raises(BadInput, match=message):
        load(tmp_path, text)


@pytest.mark.parametrize("other", ['precision = "int8-static"', "data_file = true"])
def test_what_needs_a_delegate_is_refused_without_one(tmp_path: Path, other: str) -> None:
    text = f'{TASKS}[export]\ndelegate = "none"\n{other}\n'
    with pytest.raises(BadInput, match=f"{other.split(maxsplit=1)[0]}.* needs delegate 'xnnpack'"):
        load(tmp_path, text)
