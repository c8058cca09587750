"""The RSA key by which devices know this computer; made once, readable by its owner alone."""

import tempfile
from pathlib import Path

from adb_shell.auth.keygen import keygen
from adb_shell.auth.sign_pythonrsa import PythonRSASigner

from taskzip.contracts.paths import config_dir

KEY_FILE = "adbkey"


def key_folder() -> Path:
    """Where the key is kept: the user's configuration folder."""
    return config_dir()


def load_signer(folder: Path) -> PythonRSASigner:
    """The signer of the key in `folder`, made there first if there is none."""
    private = folder / KEY_FILE
    if not private.exists():
        _make_key(private)
    public = private.with_suffix(".pub")
    return PythonRSASigner(public.read_text(encoding="utf-8"), private.read_text(encoding="utf-8"))


def _make_key(private: Path) -> None:
    """Make the pair in a folder that only the owner can enter, and move it when it is whole."""
    private.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=private.parent) as scratch:
        made = Path(scratch) / KEY_FILE
        keygen(str(made))
        public = made.with_suffix(".pub")
        made.chmod(0o600)
        public.chmod(0o600)
        public.rename(private.with_suffix(".pub"))
        made.rename(private)
