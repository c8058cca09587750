"""Where taskzip keeps what it can make again."""

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_dir() -> Path:
    """The cache folder: `$TASKZIP_CACHE_DIR`, else the user's cache folder; not created here."""
    override = os.environ.get("TASKZIP_CACHE_DIR")
    return Path(override).absolute() if override else user_cache_path("taskzip")
