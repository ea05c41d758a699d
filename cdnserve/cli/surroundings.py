"""Surroundings of the process, as values for the rooms that never look at them: environment, home, folder.

Never looked at before a command needs them.
"""

from __future__ import annotations

import os
from pathlib import Path

from cdnserve.libraries import Settings


def library_settings(registry: str = "") -> Settings:
    """Give what commands on libraries are given; `registry` is what the command line says."""
    # Where nobody says where home is, `~` stays as it is: a folder that doesn't exist.
    home = Path(os.path.expanduser("~"))
    return Settings(environment=os.environ, home=home, directory=Path.cwd(), registry=registry)
