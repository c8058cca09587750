"""Emulated devices by name: the package's, and those of the user's `profiles.toml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from taskzip.contracts.document import describe
from taskzip.contracts.errors import BadInput
from taskzip.contracts.paths import config_dir
from taskzip.contracts.toml import read_toml, unknown_key
from taskzip.device.virtual.profile import Label, Profile

PROFILES_FILE = "profiles.toml"
_NAME: TypeAdapter[str] = TypeAdapter(Label)
_KEYS = ("description", *(name for name in Profile.model_fields if name != "label"))


@dataclass(frozen=True)
class NamedProfile:
    """A profile, what it stands for, and the file that says so."""

    name: str
    description: str
    profile: Profile
    source: Path

    def as_json_data(self) -> dict[str, Any]:
        """It as plain JSON data."""
        values = self.profile.model_dump(mode="json", exclude={"label"})
        return {"description": self.description, **values, "source": str(self.source)}


def user_profiles() -> Path:
    """Where the user's own profiles are, if there are any."""
    return config_dir() / PROFILES_FILE


def list_profiles(user_file: Path) -> dict[str, NamedProfile]:
    """All profiles by name, a user's before the package's; BadInput for a file that is wrong."""
    with resources.as_file(resources.files(__package__) / PROFILES_FILE) as file:
        shipped = _read(file)
    return {**shipped, **(_read(user_file) if user_file.exists() else {})}


def find_profile(name: str, user_file: Path) -> Profile:
    """The profile of that name; BadInput lists those that there are."""
    known = list_profiles(user_file)
    if name not in known:
        raise BadInput(
            f"no profile {name!r} (known: {', '.join(known)}); "
            f"write one of your own in {user_file}, as a table [{name}]"
        )
    return known[name].profile


def _read(file: Path) -> dict[str, NamedProfile]:
    tables = read_toml(file, "the file of profiles")
    return {name: _named(file, name, table) for name, table in tables.items()}


def _named(file: Path, name: str, table: Any) -> NamedProfile:
    if not isinstance(table, Mapping):
        raise BadInput(f"{file}: {name!r} stands outside a table; write [NAME] above it")
    for key in table:
        if key not in _KEYS:
            raise BadInput(f"{file}: {unknown_key(key, f'[{name}]', _KEYS)}")
    values = {key: value for key, value in table.items() if key != "description"}
    try:
        _NAME.validate_python(name)
        profile = Profile.model_validate(values)
    except ValidationError as error:
        raise BadInput(f"{file}: [{name}] {describe(error)}") from error
    return NamedProfile(name, str(table.get("description", "")), profile, file)
