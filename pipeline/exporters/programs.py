"""Entry points in a folder, so that a process without the user's code can export them.

`<index>.pt2` holds what torch.export made of an entry; `entries.json` tells which tensors of
different files are one, since each file has its own copy; `<index>.safetensors` holds the cases,
`<index>.calibration.safetensors` the calibration data, `<index>.recipes.…` the recipes.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from taskzip.contracts.document import Document
from taskzip.contracts.errors import BadInput
from taskzip.pipeline.entry import EntryPoint, TensorNames
from taskzip.pipeline.exporters.frameworks import contained_warnings
from taskzip.pipeline.exporters.ledger import Identity, identity
from taskzip.pipeline.exporters.own_copies import own_copies
from taskzip.pipeline.exporters.parity import Case, cases_of
from taskzip.pipeline.exporters.saved_recipes import load_recipes, save_recipes

_INDEX = "entries.json"


class _SavedEntry(Document):
    name: str
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    same: dict[str, int]
    """Tensor's name in the program → a number that equal tensors of all programs have in common."""
    inputs: int
    calibration: bool
    """Whether there is calibration data."""
    outputs: int
    cases: int


class _SavedEntries(Document):
    entries: tuple[_SavedEntry, ...]


def save_entries(entries: Sequence[EntryPoint], folder: Path) -> None:
    """Trace and write the entries; BadInput names the entry that torch.export cannot trace."""
    numbers: dict[Identity, int] = {}
    saved = tuple(
        _save(entry, cases_of(original), folder / str(index), numbers)
        for index, (entry, original) in enumerate(zip(own_copies(entries), entries, strict=True))
    )
    _SavedEntries(entries=saved).write(folder / _INDEX)


def load_entries(folder: Path) -> tuple[tuple[EntryPoint, tuple[Case, ...]], ...]:
    """The entries with their cases, weights shared as they were."""
    tensors: dict[int, torch.Tensor] = {}
    index = _SavedEntries.read(folder / _INDEX)
    return tuple(
        _load(entry, folder / str(number), tensors) for number, entry in enumerate(index.entries)
    )


def save_rows(rows: Sequence[torch.Tensor], path: Path) -> bool:
    """Write tensors (n, …) in their order; false, and no file, where there are none."""
    if rows:
        save_file({str(place): each.contiguous() for place, each in enumerate(rows)}, path)
    return bool(rows)


def load_rows(path: Path) -> tuple[torch.Tensor, ...]:
    """What `save_rows` wrote."""
    held = load_file(path)
    return tuple(held[str(place)] for place in range(len(held)))


def _calibration_file(stem: Path) -> Path:
    return stem.with_name(f"{stem.name}.calibration.safetensors")


def _save(
    entry: EntryPoint, cases: tuple[Case, ...], stem: Path, numbers: dict[Identity, int]
) -> _SavedEntry:
    program = _traced(entry)
    torch.export.save(program, stem.with_suffix(".pt2"))
    save_file(
        {
            f"{case}.{kind}.{place}": tensor.contiguous()
            for case, both in enumerate(cases)
            for kind, tensors in (("in", both.inputs), ("out", both.outputs))
            for place, tensor in enumerate(tensors)
        },
        stem.with_suffix(".safetensors"),
    )
    save_recipes(entry.recipes, stem)
    return _SavedEntry(
        name=entry.name,
        input_names=entry.names.inputs,
        output_names=entry.names.outputs,
        same={
            name: numbers.setdefault(identity(tensor), len(numbers))
            for name, tensor in program.state_dict.items()
        },
        inputs=len(entry.inputs),
        calibration=save_rows(entry.calibration, _calibration_file(stem)),
        outputs=len(cases[0].outputs),
        cases=len(cases),
    )


def _traced(entry: EntryPoint) -> torch.export.ExportedProgram:
    try:
        with contained_warnings(), torch.no_grad():
            return torch.export.export(entry.module, entry.inputs, strict=False)
    except Exception as error:
        first = (str(error).strip().splitlines() or ["no message"])[0]
        raise BadInput(
            f"the network of {entry.name} cannot be traced by torch.export; branches that depend "
            f"on data are the usual reason. {type(error).__name__}: {first}"
        ) from error


def _load(
    saved: _SavedEntry, stem: Path, tensors: dict[int, torch.Tensor]
) -> tuple[EntryPoint, tuple[Case, ...]]:
    with contained_warnings():
        program = torch.export.load(stem.with_suffix(".pt2"))
    for name, number in saved.same.items():
        program.state_dict[name] = tensors.setdefault(number, program.state_dict[name])
    cases = _load_cases(saved, stem.with_suffix(".safetensors"))
    module = program.module(check_guards=False)
    calibration = load_rows(_calibration_file(stem)) if saved.calibration else ()
    inputs, names = cases[0].inputs, _names(saved)
    recipes = load_recipes(stem)
    return EntryPoint(saved.name, module, inputs, calibration, names, recipes), cases


def _names(saved: _SavedEntry) -> TensorNames:
    return TensorNames(saved.input_names, saved.output_names)


def _load_cases(saved: _SavedEntry, path: Path) -> tuple[Case, ...]:
    held = load_file(path)
    return tuple(
        Case(
            tuple(held[f"{case}.in.{place}"] for place in range(saved.inputs)),
            tuple(held[f"{case}.out.{place}"] for place in range(saved.outputs)),
            _names(saved),
        )
        for case in range(saved.cases)
    )
