"""The files of face-api's networks and of the photographs of faces.

face-api: npm `@vladmandic/face-api`, MIT, with six photographs of several people each. Portraits:
npm `tabler-ui`, MIT, one person each, 128 × 128. `faces.json` says where in them the faces are.
"""

import json
import tarfile
from pathlib import Path

from data_files import Dataset
from packages import npm_archive, npm_files

_HERE = Path(__file__).parent
PHOTOS: dict[str, dict[str, dict[str, object]]] = json.loads(
    (_HERE / "faces.json").read_text(encoding="utf-8")
)
"""Data set → photograph → its `sha256`, its `faces` as [left, top, side] in pixels, and whether it
is `held_out`."""

MODELS = {
    "face_expression_model-weights_manifest.json": (
        "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8"
    ),
    "face_expression_model.bin": (
        "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d"
    ),
    "face_landmark_68_model-weights_manifest.json": (
        "ca4886639f86e99b39fed0c155f81b63317225773bd9616716e887b0153389c9"
    ),
    "face_landmark_68_model.bin": (
        "4611ef65c87d836d03d684b30eec4d195d8b219fa1dd58fc58945831c6b9299b"
    ),
}


def _photo_hashes(dataset: str) -> dict[str, str]:
    return {name: str(photo["sha256"]) for name, photo in PHOTOS[dataset].items()}


def _download_face_api(folder: Path) -> Path:
    members = [f"model/{name}" for name in MODELS]
    members += [f"demo/{name}" for name in PHOTOS["face-api"]]
    return npm_files("@vladmandic/face-api", "1.7.15", members, folder)


def _download_portraits(folder: Path) -> Path:
    with tarfile.open(npm_archive("tabler-ui", "0.0.34", folder)) as archive:
        for name in PHOTOS["portraits"]:  # female-1.jpg
            member = archive.extractfile(f"package/dist/demo/faces/{name.replace('-', '/', 1)}")
            assert member is not None  # noqa: S101  # the content is verified later
            (folder / name).write_bytes(member.read())
    return folder


FACE_API = Dataset("face-api", MODELS | _photo_hashes("face-api"), _download_face_api)
PORTRAITS = Dataset("portraits", _photo_hashes("portraits"), _download_portraits)
