"""How a model file is to be made."""

from taskzip.contracts.config import Delegate
from taskzip.contracts.document import Document
from taskzip.contracts.names import Precision, Sha256


class Making(Document):
    """What the exporters of both runtimes are told beside the entries."""

    precision: Precision = "fp32"
    plan_sha256: Sha256 | None = None
    """Of the plan that made the entries, if a zip did."""
    delegate: Delegate = "xnnpack"
    data_file: bool = False
    """Whether a .pte has its constants in a .ptd beside it."""


AS_IT_IS = Making()
