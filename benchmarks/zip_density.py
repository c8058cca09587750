"""Error against size of hybrid: `python -m taskzip.benchmarks.zip_density CONFIG [--steps N]`.

The config's networks, all shared as it says, without retraining: `mtz`, then `hybrid` at each
density. `--steps 0` leaves reconstruction out: what the closed form alone gives.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from taskzip.benchmarks.units import signed
from taskzip.contracts.config import ZipConfig, load_config
from taskzip.contracts.progress import Silent
from taskzip.pipeline.measured import Measured, mean_increase
from taskzip.pipeline.networks.load import load_tasks
from taskzip.pipeline.zipper import survey, zip_scene

DENSITIES = (0.01, 0.02, 0.05, 0.1, 0.2)
COMPARED = 0.05
"""The density at which both criteria are shown."""


def main(
    config_file: Annotated[Path, typer.Argument(help="TOML file of the tasks.")],
    steps: Annotated[int | None, typer.Option(help="Of reconstruction.")] = None,
) -> None:
    """Print a Markdown table, a line as soon as it is known."""
    out = Console()
    config = load_config(config_file)
    tasks = load_tasks(config, config_file.resolve().parent)
    scene, measured = survey(tasks, config.zip, Silent()), Measured(tasks)
    names = " | ".join(task.name for task in tasks)
    out.print(f"| what | size | {names} | mean increase |\n| --- |{' --- |' * (len(tasks) + 2)}")
    own = (
        config.zip if steps is None else config.zip.model_copy(update={"reconstruct_steps": steps})
    )
    for title, way in _ways(own):
        zipped = zip_scene(scene, way, Silent())
        found = measured.tasks(zipped.joint)
        errors = " | ".join(
            f"{each.error_percent.joint:.2f}" if each.error_percent else "–" for each in found
        )
        increase = mean_increase(found)
        said = "–" if increase is None else signed(increase)
        ratio = zipped.bytes.joint / zipped.bytes.separate
        out.print(f"| {title} | {ratio:.3f} | {errors} | {said} |", soft_wrap=True)


def _ways(own: ZipConfig) -> Iterator[tuple[str, ZipConfig]]:
    yield "`mtz`", own.model_copy(update={"method": "mtz"})
    for density in DENSITIES:
        hybrid = {"method": "hybrid", "hybrid_density": density}
        yield f"`hybrid`, {density}", own.model_copy(update=hybrid)
        if density == COMPARED:
            magnitude = hybrid | {"hybrid_criterion": "magnitude"}
            yield f'`hybrid`, {density}, `"magnitude"`', own.model_copy(update=magnitude)


if __name__ == "__main__":
    typer.run(main)
