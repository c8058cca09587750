import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("contracts", "pipeline", "device", "benchmarks", "cli")


def test_every_package_is_in_the_wheel() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        listed = tomllib.load(file)["tool"]["setuptools"]["packages"]
    found = [ROOT, *(each.parent for room in ROOMS for each in (ROOT / room).rglob("__init__.py"))]
    names = {".".join(("taskzip", *each.relative_to(ROOT).parts)) for each in found}
    assert names == set(listed)
