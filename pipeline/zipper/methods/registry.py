"""All methods, by the names that configs give them."""

from collections.abc import Callable

from taskzip.pipeline.zipper.methods.method import Method
from taskzip.pipeline.zipper.methods.mtz import Mtz

METHODS: dict[str, Callable[[], Method]] = {"mtz": Mtz}
