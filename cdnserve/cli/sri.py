"""`cdnserve sri`: integrity metadata and ready tags for files, public paths, libraries and URLs."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import click

from cdnserve.cli.command import Command, algorithm_option, complete_library, root_option, state_option, store_option
from cdnserve.cli.npm import library_settings, write_hostless
from cdnserve.cli.release import current_release
from cdnserve.cli.terminal import write
from cdnserve.snippets.subject import Options, read_algorithms
from cdnserve.snippets.tags import DEFAULT_FORMAT, FORMATS
from cdnserve.snippets.targets import Hosted, find_subjects


@click.command(cls=Command, examples=("sri jquery@3", "sri public/app.js --format hash"))
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...", shell_complete=complete_library)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default=DEFAULT_FORMAT,
    show_default=True,
    help="What to print.",
)
@click.option("--json", "as_json", is_flag=True, help="As --format json; problems are JSON too.")
@algorithm_option
@click.option("--module/--classic", default=None, show_default="as their content shows", help="What scripts are.")
@root_option
@state_option
@store_option
def command(  # one for each option
    targets: tuple[str, ...],
    form: str,
    as_json: bool,
    algorithms: tuple[str, ...],
    module: bool | None,
    root: Path,
    state: str | None,
    store: str,
) -> None:
    """Print integrity metadata and ready tags.

    TARGET is a local file, a public path, NAME[@VERSION][/PATH] of a hosted library, or a URL. Without a path a
    library gives the files that its package.json names for browsers. Without an exact version it is the best that is
    hosted, which stderr names: the tag is that one's.
    """
    options = Options(read_algorithms(algorithms))

    @cache
    def hosted() -> Hosted:
        return Hosted(root, *current_release(root, state, store)[:2])

    subjects = find_subjects(targets, root, hosted, library_settings(), module=module)
    text = FORMATS["json" if as_json else form](subjects, options)
    write([[(line, "")] for line in text.split("\n")])
    write([[(note, "dim")] for note in dict.fromkeys(one.alias for one in subjects) if note], to_stderr=True)
    if form in ("html", "importmap") and not as_json and any(one.url.startswith("/") for one in subjects):
        write_hostless(root)
