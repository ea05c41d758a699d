"""Options that several commands have; each is also a `CDNSERVE_*` variable, and the option is stronger.

Never reads the environment itself: click does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from cdnserve.rules.integrity import DEFAULT_ALGORITHM

_ROOT = "CDNSERVE_ROOT"
Decorated = TypeVar("Decorated", bound=Callable[..., Any])
DEFAULT_ROOT = "public"


def setting(*names: str, **more: Any) -> Callable[[Decorated], Decorated]:  # noqa: ANN401 # as click's own
    """Make an option that is a `CDNSERVE_*` variable too, named as the option is, and says so in the help."""
    variable = f"CDNSERVE_{names[0].partition('/')[0].removeprefix('--').replace('-', '_').upper()}"
    told = {"show_envvar": True, "show_default": more.get("default", "") != ""}
    return click.option(*names, envvar=variable, **(told | more))


root_argument = click.argument("root", default=DEFAULT_ROOT, envvar=_ROOT, type=click.Path(path_type=Path))
root_option = setting(
    "--root",
    default=DEFAULT_ROOT,
    type=click.Path(path_type=Path),
    help="The folder of the files and their manifest.",
)
state_option = setting(
    "--state", type=click.Path(), metavar="FOLDER", show_default="ROOT/.cdnserve", help="Where releases are kept."
)
algorithm_option = click.option(
    "--algorithm",
    "algorithms",
    multiple=True,
    metavar="NAME",
    show_default=DEFAULT_ALGORITHM,
    help="sha256, sha384 or sha512; repeatable.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, problems too.")
registry_option = click.option(
    "--registry",
    default="",
    metavar="URL",
    show_default="CDNSERVE_REGISTRY, else npm's own configuration",
    help="The npm registry.",
)
