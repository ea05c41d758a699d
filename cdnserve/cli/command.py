"""A command: what a person did wrong becomes problems and exit status 1, never a traceback.

Never hides a fault of ours: any other exception is one, and shows its traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from cdnserve.cli.terminal import Piece, write_json
from cdnserve.display import plural, printable, printable_lines
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.files import LOCK, MANIFEST
from cdnserve.rules.integrity import DEFAULT_ALGORITHM


def report(problems: Sequence[Problem]) -> None:
    """Write problems to stderr."""
    if not sys.stderr.isatty():
        for problem in problems:
            click.echo(plain(problem), err=True)
    elif problems:
        from cdnserve.cli.terminal import print_rows

        for problem in problems:
            print_rows(sys.stderr, _rows(problem))


def plain(problem: Problem) -> str:
    r"""Return a problem as plain text; it begins as compilers begin, so that editors find the place.

    >>> print(plain(Problem("file-left-out", "no file", "a\n.js", warning=True)))
    a\n.js: warning: no file [file-left-out]
    """
    message = f"warning: {problem.message}" if problem.warning else problem.message
    where, value, hint = printable(problem.where), printable(problem.value), "\n".join(printable_lines(problem.hint))
    return str(replace(problem, message=printable(message), where=where, value=value, hint=hint))


def as_objects(problems: Sequence[Problem]) -> list[dict[str, object]]:
    """Return problems as JSON objects."""
    return [asdict(problem) for problem in problems]


def count(problems: Sequence[Problem]) -> str:
    """Return how many there are.

    >>> count([Problem("a", "b"), Problem("c", "d", warning=True), Problem("e", "f", warning=True)])
    '1 problem, 2 warnings'
    """
    warnings = sum(problem.warning for problem in problems)
    numbers = ((len(problems) - warnings, "problem"), (warnings, "warning"))
    return ", ".join(plural(number, word) for number, word in numbers if number)


def _rows(problem: Problem) -> Iterator[tuple[Piece, ...]]:
    """Yield rows of a label and the text beside it; what is to be pasted has no label."""
    label = ("warning", "bold yellow") if problem.warning else ("error", "bold red")
    where = f"{problem.where}: " if problem.where else ""
    yield label, (where, "bold"), (problem.message, ""), (f" [{problem.reference}]", "dim")
    if problem.value:
        yield ("  value", "dim"), (problem.value, "magenta")
    if problem.hint:
        first, *rest = printable_lines(problem.hint)
        yield ("  hint", "dim"), (first, "green")
        yield from ((("", ""), (line, "green")) for line in rest)


INTERRUPTED = 130  # 128 + SIGINT, as shells count


class Command(click.Command):
    """A command of the program; with `--json` its problems are written to stdout, as JSON too.

    `examples` are command lines without the program's name, which the help ends with. `sections` are headings for the
    options, by their parameters' names; what none has comes first.
    """

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401 # as click's own
        examples: Sequence[str] = (),
        sections: Mapping[str, Sequence[str]] = MappingProxyType({}),
        **more: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*arguments, **more)
        self.examples = tuple(examples)
        self.sections = sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each below the heading that it belongs to."""
        headings = {name: heading for heading, names in self.sections.items() for name in names}
        rows: dict[str, list[tuple[str, str]]] = {heading: [] for heading in ("Options", *self.sections)}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                rows[headings.get(parameter.name or "", "Options")].append(record)
        for heading, records in rows.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each on a line that can be pasted."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {ctx.find_root().command_path} {example}\n" for example in self.examples))

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 # click's signature
        """Run the command and turn what it raises into an exit status."""
        status, problems = 1, tuple[Problem, ...]()
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            status = INTERRUPTED
        except BrokenPipeError:
            raise  # whoever read our output has seen enough: click ends quietly
        except ConfigurationError as error:
            problems = error.problems
        except OSError as error:
            problems = (system_problem(error),)
        if ctx.params.get("as_json"):
            write_json({"problems": as_objects(problems)})
        else:
            report(problems)
        raise click.exceptions.Exit(status)


def system_problem(error: OSError) -> Problem:
    """Return what the system refused, and what a person can do about it."""
    where = "" if error.filename is None else str(error.filename)
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Problem("disk-full", reason, where, hint="free some space; what was released before is untouched")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Problem("permission-denied", reason, where, hint="look at its owner and permissions, or choose --state")
    return Problem("system-refused", reason, where)


Decorated = TypeVar("Decorated", bound=Callable[..., Any])
DEFAULT_ROOT = "public"


def default_root() -> str:
    """Return the root where none is named: the current folder if a manifest lies there, else `public`."""
    return "." if os.path.isfile(MANIFEST) else DEFAULT_ROOT


def named_root(text: str) -> Path:
    """Return the root that a path names: the folder, also where the manifest in it is named."""
    path = Path(text)
    return path.parent if path.name == MANIFEST and path.is_file() else path


class RootType(click.Path):
    """A folder; the manifest in it names it, too."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ANN401
        """Return the folder of the files and their manifest."""
        return named_root(os.fsdecode(super().convert(value, param, ctx)))


def setting(*names: str, **more: Any) -> Callable[[Decorated], Decorated]:  # noqa: ANN401 # as click's own
    """Make an option that is a `CDNSERVE_*` variable too, named as the option is, and says so in the help."""
    variable = f"CDNSERVE_{names[0].partition('/')[0].removeprefix('--').replace('-', '_').upper()}"
    told = {"show_envvar": True, "show_default": more.get("default", "") != ""}
    return click.option(*names, envvar=variable, **(told | more))


root_option = setting(
    "--root",
    default=default_root,
    show_default="public, or . where it has a manifest",
    type=RootType(),
    metavar="ROOT",
    help="The folder of the files and their manifest.",
)


def root_argument(command: Decorated) -> Decorated:
    """Make the root the argument of a command, and `--root`, too."""

    @wraps(command)
    def gathered(*arguments: Any, place: Path | None, root: Path, **options: Any) -> Any:  # noqa: ANN401 # as click's own
        return command(*arguments, root=one_root(place, root), **options)

    argument = click.argument("place", metavar="[ROOT]", required=False, type=RootType())
    return argument(root_option(cast("Decorated", gathered)))


def one_root(place: Path | None, root: Path) -> Path:
    """Return the root that the argument or `--root` names; raise `click.UsageError` where both do."""
    if place and click.get_current_context().get_parameter_source("root") is ParameterSource.COMMANDLINE:
        raise click.UsageError("ROOT and --root are the same: name the root once")
    return place or root


def complete_library(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the hosted libraries that a word may become: by name, and behind an @ with their versions."""
    from cdnserve.manifest.lock import read_lock

    root = Path(ctx.params.get("root") or os.environ.get("CDNSERVE_ROOT") or default_root())
    try:
        pins = read_lock(root / LOCK).libraries
    except ConfigurationError:
        pins = {}
    known = pins if "@" in incomplete[1:] else {pin.rpartition("@")[0] for pin in pins}
    found = [CompletionItem(name) for name in sorted(known) if name.startswith(incomplete)]
    is_file_too = parameter.name in ("targets", "places")
    return found or [CompletionItem(incomplete, type="file")] * is_file_too


state_option = setting(
    "--state", type=click.Path(), metavar="FOLDER", show_default="ROOT/.cdnserve", help="Where releases are kept."
)
store_option = setting(
    "--store", default="", metavar="URL", help="An object store instead of a folder, as s3://BUCKET/PREFIX."
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
