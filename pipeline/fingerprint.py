"""What a run starts from, as hashes: it is the same run only if all of it is the same."""

from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import blake2b

import torch

from taskzip.pipeline.networks.task import Batches

_hash = partial(blake2b, digest_size=32)
"""Without instructions for either it takes half the time of sha256: weights may be gigabytes."""


def key_of(words: Iterable[str], tensors: Iterable[torch.Tensor]) -> str:
    """The hash of words and of tensors' types, shapes and values."""
    digest = _hash()
    for word in words:
        digest.update(_hash(word.encode()).digest())
    for tensor in tensors:
        digest.update(_described(tensor))
    return digest.hexdigest()


class Digested:
    """Batches as a data function gives them, and the hash of their first complete pass."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._digest: str | None = None

    def __call__(self) -> Iterator[torch.Tensor]:
        """Yield the batches anew."""
        digest = _hash()
        for batch in self._batches():
            if self._digest is None:
                digest.update(_described(batch))
            yield batch
        self._digest = self._digest or digest.hexdigest()

    def digest(self) -> str:
        """The hash; the data is read for it if no pass was completed yet."""
        if self._digest is None:
            for _ in self():
                pass
        return self._digest or ""


def _described(tensor: torch.Tensor) -> bytes:
    values = _hash(tensor.detach().contiguous().numpy().data).digest()
    return f"{tensor.dtype} {tuple(tensor.shape)}".encode() + values
