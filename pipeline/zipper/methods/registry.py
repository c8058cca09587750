"""All methods, by the names that configs give them."""

from collections.abc import Callable

from taskzip.contracts.config import ZipConfig
from taskzip.contracts.names import ZipMethod
from taskzip.pipeline.zipper.methods.average import Average, HeadsOnly, Random
from taskzip.pipeline.zipper.methods.hosted import Hosted
from taskzip.pipeline.zipper.methods.hybrid import Hybrid
from taskzip.pipeline.zipper.methods.method import Method
from taskzip.pipeline.zipper.methods.mtz import Mtz
from taskzip.pipeline.zipper.methods.rebasin import Rebasin
from taskzip.pipeline.zipper.methods.zipit import Zipit

METHODS: dict[ZipMethod, Callable[[], Method]] = {
    "mtz": Mtz,
    "hybrid": Hybrid,
    "average": Average,
    "rebasin": Rebasin,
    "zipit": Zipit,
    "random": Random,
    "heads-only": HeadsOnly,
}


def method_of(config: ZipConfig) -> Method:
    """The one that the config asks for."""
    if config.method == "hybrid" and config.hybrid_start == "first":
        return Hosted()
    return METHODS[config.method]()
