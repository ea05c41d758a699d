"""`cdnserve sri`: integrity metadata and ready tags for files, public paths, libraries and URLs.

Never a tag without its integrity where browsers check it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import click

from cdnserve.cli.command import Command, algorithm_option, root_option, state_option
from cdnserve.cli.context import build_release, library_settings, open_release
from cdnserve.cli.terminal import write
from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.modules.scripts import main_files
from cdnserve.origin.lookup import Origin
from cdnserve.rules.urls import given_url
from cdnserve.snippets.fetch import Remote
from cdnserve.snippets.subject import Options, Subject, of_asset, of_file, of_response, read_algorithms
from cdnserve.snippets.tags import DEFAULT_FORMAT, FORMATS
from cdnserve.snippets.targets import Hosted, Local, Public, Target, resolve


@click.command(cls=Command)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
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
def command(  # one for each option
    targets: tuple[str, ...],
    form: str,
    as_json: bool,
    algorithms: tuple[str, ...],
    module: bool | None,
    root: Path,
    state: str | None,
) -> None:
    """Print integrity metadata and ready tags.

    TARGET is a local file, a public path, NAME@VERSION or NAME@VERSION/PATH of a hosted library, or a URL.
    Without a path a library gives the files that its package.json names for browsers.
    """
    options = Options(read_algorithms(algorithms))

    @cache
    def hosted() -> Hosted:
        return Hosted(root, *open_release(root, state, build_release(root, state)))

    found = _resolve(targets, root, hosted)
    subjects = [_subject(target, hosted, module) for target in found]
    text = FORMATS["json" if as_json else form](subjects, options)
    write([[(line, "")] for line in text.split("\n")])


def _resolve(targets: Sequence[str], root: Path, hosted: Callable[[], Hosted]) -> list[Target]:
    """Resolve all targets, or raise the problems of all."""
    found: list[Target] = []
    problems = Problems()
    for target in targets:
        is_url = target.lower().startswith(("http://", "https://"))
        try:
            where = given_url(target) if is_url else target
            found += _steady(resolve(where, root, hosted, library_settings(), main_files))
        except ConfigurationError as error:
            unknown = any(problem.reference == "target-unknown" for problem in error.problems)
            alias = _alias_problem(target, hosted()) if unknown else None
            problems += [alias] if alias else error.problems
    problems.raise_errors()
    return found


def _steady(targets: Iterable[Target]) -> Iterator[Target]:
    """Yield targets that have the same bytes for all, or raise what speaks against it."""
    for target in targets:
        if isinstance(target, Remote) and target.varies:
            message = f"no integrity metadata is right for what it answers: {target.varies}"
            hint = "browsers that get other bytes would block it; host the file, or load it without integrity"
            raise ConfigurationError([Problem("target-varies", message, target.url, hint=hint)])
        yield target


def _alias_problem(target: str, hosted: Hosted) -> Problem | None:
    """Tell that a target is an alias, and of what; an integrity would hold until the next version."""
    origin = Origin(hosted.catalog)
    for path in (target.removeprefix("/"), f"npm/{target}"):
        found = origin.locate(given_url(f"/{path}").encode("ascii"))
        if found.location:
            message = "an alias leads to other bytes one day, so there is no integrity metadata of it"
            return Problem("target-alias", message, target, hint=f"name what it leads to today: {found.path}")
    return None


def _subject(target: Target, hosted: Callable[[], Hosted], module: bool | None) -> Subject:
    if isinstance(target, Public):
        return of_asset(hosted().catalog, target.path, target.source, module=module)
    if isinstance(target, Local):
        return of_file(target.path, target.content, module=module)
    return of_response(target.url, target.content, target.media_type, module=module, remarks=target.remarks)
