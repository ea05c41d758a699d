"""A command: what a person did wrong becomes problems and exit status 1, never a traceback.

Never hides a fault of ours: any other exception is one, and shows its traceback.
"""

from __future__ import annotations

import errno
from typing import Any

import click

from cdnserve.cli.problems import as_objects, report
from cdnserve.cli.terminal import write_json
from cdnserve.errors import ConfigurationError, Problem

INTERRUPTED = 130  # 128 + SIGINT, as shells count


class Command(click.Command):
    """A command of the program; with `--json` its problems are written to stdout, as JSON too."""

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
    """Say what the system refused, and what a person can do about it."""
    where = "" if error.filename is None else str(error.filename)
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Problem("disk-full", reason, where, hint="free some space; what was released before is untouched")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Problem("permission-denied", reason, where, hint="look at its owner and permissions, or choose --state")
    return Problem("system-refused", reason, where)
