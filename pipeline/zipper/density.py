"""How many entries the tasks of a hybrid network may add within a budget.

All that `share` allows is shared; what a budget leaves beyond that goes into entries.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Progress
from taskzip.pipeline.zipper.checkpoint import Checkpoints
from taskzip.pipeline.zipper.engine import run
from taskzip.pipeline.zipper.joint import JointNetwork
from taskzip.pipeline.zipper.methods.method import Method, Scene
from taskzip.pipeline.zipper.places import most_bytes
from taskzip.pipeline.zipper.plan import Plan
from taskzip.pipeline.zipper.stored import stored_bytes

VALUE_BYTES = 4
HALVINGS = 40
"""Of the range of densities; an entry more or less is far coarser."""
MEASUREMENTS = 6
"""Zips that are measured to find the fewest entries within an error; each halves the range."""

Measure = Callable[[JointNetwork, Plan], float]
Zipping = Callable[[Scene], tuple[JointNetwork, Plan]]


@dataclass(frozen=True)
class Sizes:
    """What the densities of one scene take at most."""

    least_bytes: int
    """Without entries."""
    layers: tuple[int, ...]
    """Numbers of each layer that entries may be added to."""
    tasks: int

    def most_bytes(self, density: float) -> int:
        """What is stored with that density, at most."""
        return self.least_bytes + sum(self._added(size, density) for size in self.layers)

    def largest(self, limit_bytes: int) -> float:
        """The largest density that takes no more than so much; 0 at least, 1 at most."""
        if self.most_bytes(1.0) <= limit_bytes:
            return 1.0
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.most_bytes(middle) <= limit_bytes else (low, middle)
        return low

    def _added(self, size: int, density: float) -> int:
        entries = round(density * self.tasks * size)
        each = -(-entries // self.tasks)
        return VALUE_BYTES * entries + self.tasks * most_bytes(each, size)


def sizes_of(
    scene: Scene, method: Method, progress: Progress, checkpoints: Checkpoints | None = None
) -> Sizes:
    """Zip once without entries, by the closed form alone."""
    progress.step("surveying what entries take")
    closed_form = scene.config.model_copy(update={"reconstruct_steps": 0, "hybrid_density": 0.0})
    survey = replace(scene, config=closed_form)
    joint, _ = run(survey, method, progress, checkpoints)
    layers = tuple(
        sum(each.numel() for each in block.parameters())
        for block in joint.shared
        if not getattr(block, "groups", 1) > 1
    )
    return Sizes(stored_bytes(joint), layers, len(scene.tasks))


def within_limit(sizes: Sizes, limit_bytes: int) -> float:
    """The largest density within so many bytes; BadInput where none is."""
    if sizes.least_bytes > limit_bytes:
        raise BadInput(
            f"max_bytes: the joint network cannot have {limit_bytes:,} bytes of weights; with "
            f"nothing added to what is shared, {sizes.least_bytes:,} remain; ask for "
            f"{sizes.least_bytes:,} or more, or share more"
        )
    return sizes.largest(limit_bytes)


def within_error(
    scene: Scene, zipped: Zipping, limit: float, measure: Measure, progress: Progress
) -> float:
    """The least density whose error is at most `limit`; the error is taken to fall with it."""
    low, high = 0.0, 1.0
    density = low
    for _ in range(MEASUREMENTS):
        error = measure(*zipped(with_density(scene, density)))
        progress.step(f"density {density:.4f}: {error:+.3g}")
        if error <= limit:
            high = density
        else:
            low = density
        if high <= low:
            break
        density = (low + high) / 2 if low > 0 else high / 4
    return high


def predicted_error(joint: JointNetwork, plan: Plan) -> float:
    """Σ of the relative squared errors before activation."""
    return sum(sum(group.relative_costs) for group in plan.groups)


def with_density(scene: Scene, density: float) -> Scene:
    """The scene with that `hybrid_density`."""
    config = scene.config.model_copy(update={"hybrid_density": density})
    return replace(scene, config=config)
