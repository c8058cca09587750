"""The memory that is promised before a zip, against what a real one takes."""

import json
import subprocess
import sys

import pytest

MOST_ABOVE_MEASURED = 4

MEASURE = """
import json, sys
from pathlib import Path
import torch
from torch import nn
from taskzip.contracts.config import ZipConfig
from taskzip.contracts.progress import Silent
from taskzip.pipeline.networks.task import Task
from taskzip.pipeline.zipper import survey, zip_scene
from taskzip.pipeline.zipper.memory import memory_bound

def dense(width):
    layers = [nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(width, 10)), (width,)

def convolutional(width):
    layers = [nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
    layers += [nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(width * 16, 10)), (3, 16, 16)

def tasks(make, width, images):
    found = []
    for name in ("one", "other"):
        network, shape = make(width)
        batches = (lambda shape=shape: (torch.randn(50, *shape) for _ in range(images // 50)))
        found.append(Task(name, network.eval(), batches))
    return found

def memory(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) * 1024 for each in lines if each.startswith(key))

make, width, images = {"dense": (dense, 900, 3000), "convolutional": (convolutional, 64, 1000)}[
    sys.argv[1]
]
config = ZipConfig(reconstruct_steps=5)
zip_scene(survey(tasks(make, 8, 50), config, Silent()), config, Silent())
Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS:")
given = tasks(make, width, images)
scene = survey(given, config, Silent())
bound = memory_bound(scene, {task.name: images for task in given})
zip_scene(scene, config, Silent())
print(json.dumps({"measured": memory("VmHWM:") - before, "bound": bound.as_json_data()}))
"""


@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_a_zip_takes_at_most_the_memory_that_was_promised_and_not_a_quarter_of_it(
    kind: str,
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", MEASURE, kind],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    measured, promised = found["measured"], found["bound"]["total_bytes"]
    assert measured <= promised <= MOST_ABOVE_MEASURED * measured, found
