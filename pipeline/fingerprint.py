"""What a run starts from, as hashes: it is the same run only if all of it is the same."""

import hashlib
from collections.abc import Iterable, Iterator

import torch

from taskzip.pipeline.networks.task import Batches


def key_of(words: Iterable[str], tensors: Iterable[torch.Tensor]) -> str:
    """The sha256 of words and of tensors' types, shapes and values."""
    digest = hashlib.sha256()
    for word in words:
        digest.update(hashlib.sha256(word.encode()).digest())
    for tensor in tensors:
        digest.update(_described(tensor))
    return digest.hexdigest()


class Digested:
    """Batches as a data function gives them, and the sha256 of their first complete pass."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._digest: str | None = None

    def __call__(self) -> Iterator[torch.Tensor]:
        """Yield the batches anew."""
        digest = hashlib.sha256()
        for batch in self._batches():
            if self._digest is None:
                digest.update(_described(batch))
            yield batch
        self._digest = self._digest or digest.hexdigest()

    def digest(self) -> str:
        """The sha256; the data is read for it if no pass was completed yet."""
        if self._digest is None:
            for _ in self():
                pass
        return self._digest or ""


def _described(tensor: torch.Tensor) -> bytes:
    values = hashlib.sha256(tensor.detach().contiguous().numpy().data).digest()
    return f"{tensor.dtype} {tuple(tensor.shape)}".encode() + values
