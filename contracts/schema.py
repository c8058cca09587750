"""The JSON schemas of the contracts, generated from the models; C++ and Java obey them."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from taskzip.contracts.ballast import Ballast
from taskzip.contracts.bundle import Bundle
from taskzip.contracts.config import Config
from taskzip.contracts.events import EVENT
from taskzip.contracts.evidence import Evidence
from taskzip.contracts.history import Entry, Trends
from taskzip.contracts.ledger import Ledger
from taskzip.contracts.nightly import NightResult
from taskzip.contracts.recipes import Recipes
from taskzip.contracts.record import Record
from taskzip.contracts.report import Report
from taskzip.contracts.runspec import RunSpec
from taskzip.contracts.sidebyside import SideBySide
from taskzip.contracts.zipcomparison import ZipComparison
from taskzip.contracts.zipresult import ZipResult
from taskzip.contracts.zipsweep import ZipSweep

MODELS: dict[str, TypeAdapter[Any]] = {
    "ballast": TypeAdapter(Ballast),
    "bundle": TypeAdapter(Bundle),
    "compare": TypeAdapter(ZipComparison),
    "config": TypeAdapter(Config),
    "event": EVENT,
    "evidence": TypeAdapter(Evidence),
    "ledger": TypeAdapter(Ledger),
    "history-entry": TypeAdapter(Entry),
    "nightly": TypeAdapter(NightResult),
    "recipes": TypeAdapter(Recipes),
    "record": TypeAdapter(Record),
    "report": TypeAdapter(Report),
    "runspec": TypeAdapter(RunSpec),
    "sidebyside": TypeAdapter(SideBySide),
    "sweep": TypeAdapter(ZipSweep),
    "trends": TypeAdapter(Trends),
    "zip": TypeAdapter(ZipResult),
}


def generated(name: str) -> str:
    """The schema of a contract as the models define it now."""
    schema = MODELS[name].json_schema(mode="validation")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def shipped(name: str) -> dict[str, Any]:
    """The schema of a contract as the package ships it."""
    text = (files("taskzip.contracts.schemas") / f"{name}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def write_all(folder: Path) -> None:
    """Write every schema into `folder`."""
    for name in MODELS:
        (folder / f"{name}.schema.json").write_text(generated(name), encoding="utf-8")


if __name__ == "__main__":
    write_all(Path(__file__).parent / "schemas")
