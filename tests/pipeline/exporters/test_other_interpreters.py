"""Joint .tflite files in interpreters that their exporter does not know, each in its own Python."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import uv

from taskzip.contracts.names import Runtime
from taskzip.pipeline.entry import EntryPoint
from taskzip.pipeline.exporters.orders import Exported
from taskzip.pipeline.exporters.tensors import outputs_of

INTERPRETERS = {
    "tflite_runtime.interpreter": ("tflite-runtime==2.14.0", "numpy<2"),
    "tensorflow.lite.python.interpreter": ("tensorflow-cpu==2.21.0",),
}
"""Module with the class Interpreter → what has it. 2.14.0 is the last tflite-runtime."""
TOLERANCE = 1e-4
LIMIT_SECONDS = 900

RUN = """
import sys
from importlib import import_module
import numpy as np
module, model, inputs, outputs = sys.argv[1:]
interpreter = import_module(module).Interpreter(model_path=model)
answers = {}
for key, value in np.load(inputs).items():
    entry, name = key.split("/")
    found = interpreter.get_signature_runner(entry)(**{name: value})
    answers.update({f"{entry}/{output}": tensor for output, tensor in found.items()})
np.savez(outputs, **answers)
"""


def answers_of(module: str, model: Path, entries: tuple[EntryPoint, ...], folder: Path) -> Path:
    asked, answered = folder / "asked.npz", folder / "answered.npz"
    inputs = {f"{e.name}/{e.names.input(0)}": e.inputs[0].numpy() for e in entries}
    np.savez(asked, **inputs)
    packages = [word for package in INTERPRETERS[module] for word in ("--with", package)]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [uv.find_uv_bin(), "run", "--no-project", "--quiet", "--python", python, *packages]
    subprocess.run(
        [*command, "python", "-c", RUN, module, model, asked, answered],
        check=True,
        cwd=folder,
        timeout=LIMIT_SECONDS,
    )
    return answered


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_SECONDS)
@pytest.mark.parametrize("module", INTERPRETERS)
def test_joint_files_run_in_other_interpreters(
    exported: dict[tuple[Runtime, str], Exported],
    entries: dict[str, tuple[EntryPoint, ...]],
    module: str,
    tmp_path: Path,
) -> None:
    for stem in ("pair", "equal", "scaled"):
        model = exported["litert", stem].order.path
        with np.load(answers_of(module, model, entries[stem], tmp_path)) as answers:
            for entry in entries[stem]:
                expected = outputs_of(entry.module, entry.inputs)[0].numpy()
                found = answers[f"{entry.name}/{entry.names.output(0)}"]
                np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=TOLERANCE)
