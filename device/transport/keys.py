"""The RSA key by which devices know this computer; made once, readable by its owner alone."""

import tempfile
from pathlib import Path

from adb_shell.auth.keygen import keygen
from adb_shell.auth.sign_pythonrsa import PythonRSASigner

from taskzip.contracts.errors import BadInput
from taskzip.contracts.paths import config_dir

KEY_FILE = "adbkey"

_OWNER_ALONE, _OTHERS = 0o600, 0o077


def key_folder() -> Path:
    """Where the key is kept: the user's configuration folder."""
    return config_dir()


def load_signer(folder: Path) -> PythonRSASigner:
    """The signer of the key in `folder`, made there first if there is none, and kept private.

    BadInput when what lies there is no key.
    """
    private = folder / KEY_FILE
    if not private.exists():
        _make_key(private)
    try:
        return _read_key(private)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{private} and {private.name}.pub are no pair of keys ({error}); remove both to have "
            f"new ones made, which devices then ask to accept"
        ) from error


def _read_key(private: Path) -> PythonRSASigner:
    if private.stat().st_mode & _OTHERS:
        private.chmod(_OWNER_ALONE)
    public = private.with_suffix(".pub")
    return PythonRSASigner(public.read_text(encoding="utf-8"), private.read_text(encoding="utf-8"))


def _make_key(private: Path) -> None:
    """Make the pair in a folder that only the owner can enter, and move it when it is whole."""
    private.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=private.parent) as scratch:
        made = Path(scratch) / KEY_FILE
        keygen(str(made))
        public = made.with_suffix(".pub")
        made.chmod(_OWNER_ALONE)
        public.chmod(_OWNER_ALONE)
        public.rename(private.with_suffix(".pub"))
        made.rename(private)
