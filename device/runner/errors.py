"""What can go wrong while the runner is built::

BadInput              2
└── RunnerBuildError  a compiler, a package or a runtime that the build needs is missing or fails
"""

from taskzip.contracts.errors import BadInput


class RunnerBuildError(BadInput):
    """The runner cannot be built on this machine; the message names what to install."""
