"""What a night is done with: the pipeline, and devices."""

from dataclasses import dataclass
from pathlib import Path

from taskzip.benchmarks.measure import Place, carry_out
from taskzip.benchmarks.plan import Plan
from taskzip.contracts.config import BenchConfig, DeviceConfig, load_config
from taskzip.contracts.progress import Progress


@dataclass(frozen=True)
class OwnWorkshop:
    """This machine, and the devices that it reaches."""

    progress: Progress

    def build(self, config: Path, out: Path) -> None:
        """Zip and export; what is finished in `out` already is kept."""
        from taskzip.pipeline.build import build  # noqa: PLC0415 - torch, only where it zips

        build(load_config(config), config.parent, out, self.progress)

    def export_again(self, config: Path, zipped: Path, out: Path) -> None:
        """Export what was zipped once."""
        from taskzip.pipeline.build import Stages  # noqa: PLC0415 - as above
        from taskzip.pipeline.zipped import export_again  # noqa: PLC0415 - as above

        stages = Stages(load_config(config), config.parent.absolute(), out)
        export_again(zipped, stages, self.progress)

    def bench_on(self, bench: BenchConfig, device: DeviceConfig) -> BenchConfig:
        """A phone's clock is real."""
        clock = Place.of(device, bench, None).setting.clock
        return bench.model_copy(update={"clock": clock})

    def carry_out(self, plan: Plan, folder: Path, bench: BenchConfig, device: DeviceConfig) -> None:
        """On the device, which is looked for anew each time."""
        place = Place.of(device, bench, None)
        carry_out(plan, folder, bench, place, self.progress, resume=True)
