"""ExecuTorch's flatbuffers as JSON: its wheel brings their schemas and flatc, which reads them."""

import importlib.util
import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

PROGRAM = "exir/_serialize/program.fbs"
FLAT_TENSOR = "extension/flat_tensor/serialize/flat_tensor.fbs"
XNNPACK = "backends/xnnpack/serialization/schema.fbs"
LIMIT_SECONDS = 120
_WORDS = re.compile(r"(?<=[ :\[,])-?(?:inf|nan)(?=\s*[,\]}])")
"""Numbers as the compiler prints them and JSON cannot."""


def as_json(flatbuffer: bytes, schema: str) -> Any:
    """The root table as plain data; ValueError when it cannot be read by that schema."""
    home = _home()
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "table.bin"
        binary.write_bytes(flatbuffer)
        words = ["--strict-json", "--raw-binary", "--json", "-o", folder, str(home / schema)]
        done = subprocess.run(
            [home / "data" / "bin" / "flatc", *words, "--", binary],
            capture_output=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        made = binary.with_suffix(".json")
        if done.returncode != 0 or not made.exists():
            raise ValueError("its flatbuffer cannot be read")
        text = made.read_text(encoding="utf-8")
    return json.loads(_WORDS.sub("null", text))


def _home() -> Path:
    """The folder of the package, which is not imported: that takes seconds."""
    spec = importlib.util.find_spec("executorch")
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    if not places:
        raise ModuleNotFoundError("executorch")
    return Path(places[0])
