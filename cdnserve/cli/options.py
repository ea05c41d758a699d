"""Options that several commands have; each is also a `CDNSERVE_*` variable, and the option is stronger.

Never reads the environment itself: click does.
"""

from __future__ import annotations

from pathlib import Path

import click

_ROOT = "CDNSERVE_ROOT"
DEFAULT_ROOT = "public"

root_argument = click.argument("root", default=DEFAULT_ROOT, envvar=_ROOT, type=click.Path(path_type=Path))
root_option = click.option(
    "--root",
    default=DEFAULT_ROOT,
    envvar=_ROOT,
    type=click.Path(path_type=Path),
    show_default=True,
    show_envvar=True,
    help="The folder of the files and their manifest.",
)
state_option = click.option(
    "--state",
    envvar="CDNSERVE_STATE",
    type=click.Path(),
    metavar="FOLDER",
    show_default="ROOT/.cdnserve",
    show_envvar=True,
    help="Where releases are kept.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, problems too.")
registry_option = click.option(
    "--registry",
    default="",
    metavar="URL",
    show_default="CDNSERVE_REGISTRY, else npm's own configuration",
    help="The npm registry.",
)
