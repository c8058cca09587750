"""Training after the zip: what it learns, when it ends, that it goes on after an interruption."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.errors import BadInput
from taskzip.contracts.names import LossName
from taskzip.contracts.progress import Silent
from taskzip.contracts.retraining import RetrainConfig
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.retraining import Retrained, retrain
from taskzip.pipeline.retraining.examples import gather
from taskzip.pipeline.retraining.losses import loss_of
from taskzip.pipeline.retraining.shuffle import Shuffle
from taskzip.pipeline.zipper import JointNetwork, zip_tasks
from taskzip.pipeline.zipper.masks import density

LEARNING = {"iterations": 60, "rate": 0.01, "batch_size": 20, "checkpoint_seconds": 0}


class Interrupting(Silent):
    """Says Ctrl-C after some iterations."""

    def __init__(self, after: int) -> None:
        self._left = after

    def advance(self, bar: int, units: int = 1) -> None:
        """Count."""
        self._left -= units
        if self._left == 0:
            raise KeyboardInterrupt


class Said(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def step(self, text: str) -> None:
        """Keep the line."""
        self.lines.append(text)


def network(seed: int, outputs: int = 3) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, outputs)).eval()


def tasks(labelled: bool = False, images: int = 200, outputs: int = 3) -> list[Task]:
    made = []
    for seed in (1, 2):
        own = network(seed, outputs)
        inputs = torch.randn(images, 5, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            pairs = [(inputs, own(inputs).argmax(1))]
        batches = list(inputs.split(50))
        training = (lambda pairs=pairs: pairs) if labelled else None
        made.append(Task(f"t{seed}", own, lambda batches=batches: batches, training=training))
    return made


def zipped(of: list[Task]) -> JointNetwork:
    """All hidden channels shared by averaging alone, so that there is something to gain."""
    config = ZipConfig(refit=False, reconstruct_steps=0, affine="all")
    return zip_tasks(of, config, Silent()).joint


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zipped")
    zipped(tasks()).save(folder)
    return folder


@pytest.fixture
def joint(saved: Path) -> JointNetwork:
    return JointNetwork.load(saved)


@pytest.fixture
def try_retrain(joint: JointNetwork, tmp_path: Path) -> Callable[..., Retrained]:
    def run(of: list[Task] | None = None, **config: object) -> Retrained:
        settings = RetrainConfig.model_validate({**LEARNING, **config})
        return retrain(joint, of or tasks(), settings, Silent(), tmp_path / "checkpoint")

    return run


def weights(joint: JointNetwork) -> dict[str, torch.Tensor]:
    return {name: each.clone() for name, each in joint.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    ("optimizer", "rate", "loss"),
    [
        ("adam", 0.01, "divergence"),
        ("adam", 0.01, "squared"),
        ("sgd", 0.1, "divergence"),
        ("sgd", 0.03, "squared"),
        ("adam", 0.01, "absolute"),
    ],
)
def test_the_joint_network_learns_the_originals_answers(
    try_retrain: Callable[..., Retrained], optimizer: str, rate: float, loss: str
) -> None:
    done = try_retrain(optimizer=optimizer, rate=rate, loss=loss)
    assert (done.iterations, done.stopped_early) == (60, False)
    assert sum(each.after for each in done.losses.values()) < 0.7 * sum(
        each.before for each in done.losses.values()
    )


def test_labels_can_be_learned_instead(try_retrain: Callable[..., Retrained]) -> None:
    done = try_retrain(tasks(labelled=True), target="labels")
    assert all(each.after < each.before for each in done.losses.values())


def test_labels_can_be_learned_beside_outputs(tmp_path: Path) -> None:
    """Of two targets that differ, the weight decides which one is reached."""
    of = tasks(labelled=True)
    for index, task in enumerate(of):
        assert task.training is not None
        turned = [(inputs, (labels + 1) % 3) for inputs, labels in task.training()]
        of[index] = replace(task, training=lambda turned=turned: turned)
    wrong = {}
    for weight in (0.0, 0.9):
        joint = zipped(of)
        settings = RetrainConfig.model_validate({**LEARNING, "label_weight": weight})
        retrain(joint, of, settings, Silent(), tmp_path / f"{weight}")
        inputs, labels = next(iter(of[0].training()))
        wrong[weight] = float((joint.task("t1")(inputs).argmax(1) != labels).float().mean())
    assert wrong[0.9] < 0.5 < wrong[0.0]


def test_outputs_of_any_kind_can_be_learned(tmp_path: Path) -> None:
    of = tasks(outputs=1)
    settings = RetrainConfig.model_validate({**LEARNING, "loss": "squared"})
    done = retrain(zipped(of), of, settings, Silent(), tmp_path / "checkpoint")
    assert sum(each.after for each in done.losses.values()) < sum(
        each.before for each in done.losses.values()
    )


def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    saved: Path, tmp_path: Path
) -> None:
    def trained(seed: int) -> dict[str, torch.Tensor]:
        joint = JointNetwork.load(saved)
        settings = RetrainConfig.model_validate({**LEARNING, "seed": seed})
        retrain(joint, tasks(), settings, Silent(), tmp_path / "checkpoint")
        return weights(joint)

    first = trained(0)
    assert same(first, trained(0))
    assert not same(first, trained(1))


def test_networks_compute_in_bfloat16_where_precision_is_mixed(tmp_path: Path) -> None:
    """They learn as much, from answers that are a little off, and keep their precision."""
    of, seen = tasks(), set()
    done = {}
    for mixed in (False, True):
        joint = zipped(of)
        hooks = [
            network.register_forward_hook(lambda _, __, y: seen.add(y.dtype))
            for network in (of[0].network, joint.task("t1"))
        ]
        settings = {**LEARNING, "mixup": 0.5, "mixed_precision": mixed}
        config = RetrainConfig.model_validate(settings)
        done[mixed] = retrain(joint, of, config, Silent(), tmp_path / f"{mixed}").losses["t1"]
        assert (torch.bfloat16 in seen) == mixed
        assert {each.dtype for each in joint.parameters()} == {torch.float32}
        for hook in hooks:
            hook.remove()
    assert done[True].before == done[False].before
    assert done[True].after == pytest.approx(done[False].after, rel=0.2)
    assert done[True].after != done[False].after


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "sgd"},
        {"patience": 30, "rate": 0.1},
        {"mixup": 0.5},
        {"batch_norm": True},
        {"mixed_precision": True, "mixup": 0.5},
        {"feature_weight": 1.0, "mixup": 0.5},
    ],
)
def test_an_interrupted_run_goes_on_and_ends_the_same(
    saved: Path, tmp_path: Path, settings: dict[str, object]
) -> None:
    config = RetrainConfig.model_validate({**LEARNING, **settings})
    whole, cut = JointNetwork.load(saved), JointNetwork.load(saved)
    expected = retrain(whole, tasks(), config, Silent(), tmp_path / "whole")
    for after in (7, 33):
        with pytest.raises(KeyboardInterrupt):
            retrain(
                JointNetwork.load(saved),
                tasks(),
                config,
                Interrupting(after),
                tmp_path / "cut",
            )
    said = Said()
    done = retrain(cut, tasks(), config, said, tmp_path / "cut")
    assert re.fullmatch(r"retraining goes on after iteration [1-9]\d*", said.lines[-1])
    assert (done.iterations, done.losses) == (expected.iterations, expected.losses)
    whole.save(tmp_path / "a")
    cut.save(tmp_path / "b")
    names = ("joint.safetensors", "joint.json")
    assert all(
        (tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in names
    )


@pytest.mark.parametrize("left", [b"", b"not a checkpoint", None])
def test_a_checkpoint_of_something_else_is_not_gone_on_from(
    saved: Path, tmp_path: Path, left: bytes | None
) -> None:
    path = tmp_path / "checkpoint"
    if left is None:
        other = RetrainConfig.model_validate({**LEARNING, "rate": 0.02})
        with pytest.raises(KeyboardInterrupt):
            retrain(JointNetwork.load(saved), tasks(), other, Interrupting(5), path)
        assert path.is_file()
    else:
        path.write_bytes(left)
    said = Said()
    retrain(JointNetwork.load(saved), tasks(), RetrainConfig(**LEARNING), said, path)
    assert not any("goes on" in line for line in said.lines)


def test_it_stops_when_nothing_is_gained_and_keeps_the_best(
    joint: JointNetwork, try_retrain: Callable[..., Retrained]
) -> None:
    before = weights(joint)
    done = try_retrain(optimizer="sgd", rate=100.0, momentum=0.0, iterations=1000, patience=50)
    assert (done.iterations, done.stopped_early) == (50, True)
    assert same(before, weights(joint))
    assert all(each.after == each.before for each in done.losses.values())


def test_zeros_of_pruned_layers_stay_zeros(tmp_path: Path) -> None:
    of = tasks()
    for task in of:
        with torch.no_grad():
            task.network[0].weight[:, ::2] = 0
    joint = zipped(of)
    zeros = {name: each == 0 for name, each in joint.named_parameters()}
    before = density(joint)
    settings = RetrainConfig.model_validate({**LEARNING, "weight_decay": 0.01})
    done = retrain(joint, of, settings, Silent(), tmp_path / "checkpoint")
    assert any(each.after < each.before for each in done.losses.values())
    assert density(joint) == before < 0.8
    for name, each in joint.named_parameters():
        if each.dim() > 1:
            assert torch.equal(each == 0, zeros[name])


def test_of_more_data_than_is_kept_a_sample_of_each_task_is_learned(tmp_path: Path) -> None:
    """A MiB for two tasks is 16,384 rows of 5 inputs and 3 outputs of each."""
    of = tasks()
    joint = zipped(of)
    data = torch.randn(40_000, 5)
    of = [replace(task, calibration=lambda: [data]) for task in of]
    for task in of:
        seen: list[torch.Tensor] = []
        network = joint.task(task.name)
        handle = network.register_forward_pre_hook(
            lambda _, given, seen=seen: seen.append(given[0])
        )
        config = RetrainConfig(iterations=1, batch_size=40_000, examples_mib=1)
        retrain(joint, of, config, Silent(), tmp_path / "checkpoint")
        handle.remove()
        assert len(torch.cat(seen).unique(dim=0)) == 16_384


def test_few_images_and_large_batches_are_enough(tmp_path: Path) -> None:
    of = tasks(images=3)
    done = retrain(zipped(of), of, RetrainConfig(iterations=3), Silent(), tmp_path / "checkpoint")
    assert done.iterations == 3


def test_each_pass_takes_every_example_once_and_depends_on_the_iteration_alone() -> None:
    shuffle = Shuffle(12, 4, (0, 1))
    batches = [shuffle.batch(each) for each in range(6)]
    for part in (batches[:3], batches[3:]):
        assert sorted(torch.cat(part).tolist()) == list(range(12))
    assert not torch.equal(torch.cat(batches[:3]), torch.cat(batches[3:]))
    assert torch.equal(Shuffle(12, 4, (0, 1)).batch(4), batches[4])
    assert not torch.equal(Shuffle(12, 4, (0, 2)).batch(4), batches[4])


def test_the_divergence_is_that_of_softened_probabilities() -> None:
    generator = torch.Generator().manual_seed(0)
    answers, targets = (torch.randn(6, 4, generator=generator) for _ in range(2))
    p, q = (torch.softmax(each / 4, 1) for each in (targets, answers))
    task = tasks()[0]
    expected = 16 * (p * (p / q).log()).sum(1).mean()
    torch.testing.assert_close(loss_of(task, RetrainConfig(), targets)(answers, targets), expected)


@pytest.mark.parametrize("name", ["squared", "absolute"])
def test_a_loss_of_answers_that_know_nothing_of_the_input_is_one(name: LossName) -> None:
    targets = 0.5 + 0.01 * torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    task = replace(tasks()[0], loss=name)
    loss = loss_of(task, RetrainConfig(), targets)
    torch.testing.assert_close(loss(targets.mean(0).expand(50, -1), targets), torch.tensor(1.0))
    assert loss(targets, targets) == 0


def test_one_number_is_no_class_score(tmp_path: Path) -> None:
    of = tasks(outputs=1)
    with pytest.raises(BadInput, match=r"t1: .* set loss = \"squared\""):
        retrain(zipped(of), of, RetrainConfig(iterations=1), Silent(), tmp_path / "checkpoint")


def test_outputs_are_those_for_the_training_inputs_where_there_are_any() -> None:
    plain, labelled = tasks()[0], tasks(labelled=True)[0]
    assert labelled.training is not None
    shown = torch.cat([inputs for inputs, _ in labelled.training()])
    torch.testing.assert_close(gather(labelled, "outputs", 1 << 20).inputs, shown)
    calibration = torch.cat(list(plain.calibration()))
    torch.testing.assert_close(gather(plain, "outputs", 1 << 20).inputs, calibration)


def test_labels_beyond_the_networks_classes_are_refused(
    try_retrain: Callable[..., Retrained],
) -> None:
    of = tasks(labelled=True)
    pairs = [(torch.zeros(2, 5), torch.tensor([0, 3]))]
    of[1] = Task(of[1].name, of[1].network, of[1].calibration, training=lambda: pairs)
    with pytest.raises(BadInput, match=r"t2: training has labels from 0 to 3; .* has 3 classes"):
        try_retrain(of, target="labels")


def test_labels_that_are_not_there_are_asked_for(try_retrain: Callable[..., Retrained]) -> None:
    with pytest.raises(BadInput, match="t1: no labelled training data"):
        try_retrain(target="labels")


def test_training_inputs_need_no_labels(try_retrain: Callable[..., Retrained]) -> None:
    of = tasks()
    shown = torch.randn(6, 5)
    of[1] = Task(of[1].name, of[1].network, of[1].calibration, training=lambda: [(shown, None)])
    torch.testing.assert_close(gather(of[1], "outputs", 1 << 20).inputs, shown)
    with pytest.raises(BadInput, match=r"t2: training yields inputs without labels; .*outputs"):
        try_retrain([of[1]], target="labels")


def test_labels_beside_outputs_are_checked_and_go_with_all_inputs_or_none(tmp_path: Path) -> None:
    of = tasks(labelled=True)
    inputs = torch.zeros(2, 5)
    settings = RetrainConfig.model_validate({**LEARNING, "label_weight": 0.5})
    for pairs, said in (
        ([(inputs, torch.tensor([0, 3]))], "t2: training has labels from 0 to 3"),
        ([(inputs, torch.tensor([0, 1])), (inputs, None)], "t2: training yields labels with some"),
    ):
        of[1] = replace(of[1], training=lambda pairs=pairs: pairs)
        with pytest.raises(BadInput, match=said):
            retrain(zipped(of), of, settings, Silent(), tmp_path / "checkpoint")


def test_a_task_without_labels_learns_outputs_beside_one_that_has_some(tmp_path: Path) -> None:
    of = [tasks()[0], tasks(labelled=True)[1]]
    settings = RetrainConfig.model_validate({**LEARNING, "label_weight": 0.5})
    done = retrain(zipped(of), of, settings, Silent(), tmp_path / "checkpoint")
    assert all(each.after < each.before for each in done.losses.values())


@pytest.mark.parametrize("shape", [(), (3, 2)])
def test_labels_beside_outputs_that_are_no_scores_are_refused(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    of = tasks(labelled=True, outputs=6 if shape else 1)
    joint = zipped(of)
    of[0] = replace(of[0], network=nn.Sequential(of[0].network, nn.Unflatten(1, shape or (1, 1))))
    if not shape:
        of[0] = replace(of[0], network=nn.Sequential(of[0].network, nn.Flatten(0)))
    settings = RetrainConfig.model_validate({**LEARNING, "label_weight": 0.5})
    with pytest.raises(BadInput, match=r"t1: labels go with class scores .*label_weight = 0"):
        retrain(joint, of, settings, Silent(), tmp_path / "checkpoint")
