"""Where taskzip keeps what it can make again, and what belongs to the user."""

import os
from pathlib import Path

from platformdirs import user_cache_path, user_config_path


def cache_dir() -> Path:
    """The cache folder: `$TASKZIP_CACHE_DIR`, else the user's cache folder; not created here."""
    override = os.environ.get("TASKZIP_CACHE_DIR")
    return Path(override).absolute() if override else user_cache_path("taskzip")


def config_dir() -> Path:
    """The user's own: `$TASKZIP_CONFIG_DIR`, else the user's configuration folder; not created."""
    override = os.environ.get("TASKZIP_CONFIG_DIR")
    return Path(override).absolute() if override else user_config_path("taskzip")
