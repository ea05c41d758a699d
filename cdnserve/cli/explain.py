"""`cdnserve explain`: why a browser gets what it gets; the tool for "blocked by CORS".

Never asks a server: the same rules answer here.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from cdnserve.cli.command import Command
from cdnserve.cli.current import build_release, open_release
from cdnserve.cli.explanation import Question, explain
from cdnserve.cli.explanation_text import as_lines, as_object
from cdnserve.cli.near_origins import read_origin
from cdnserve.cli.options import DEFAULT_ROOT, json_option, state_option
from cdnserve.cli.terminal import write, write_json
from cdnserve.origin import Origin

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# The browser writes these by itself in the CORS-preflight request.
_PREFLIGHT = "access-control-request-"


def _read_page(_: click.Context, __: click.Parameter, text: str | None) -> str:
    try:
        return read_origin(text) if text else ""
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _read_method(_: click.Context, __: click.Parameter, text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise click.BadParameter("a method is one word: GET, PUT")
    return text


def _read_headers(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple(_read_header(text) for text in texts)


def _read_header(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    if not _TOKEN.fullmatch(name):
        raise click.BadParameter("a header is 'NAME: VALUE'")
    if not _VALUE.fullmatch(value):
        raise click.BadParameter(f"the value of {name} has characters that no header has")
    if name.lower() == "origin":
        raise click.BadParameter("say the origin with --origin")
    if name.lower().startswith(_PREFLIGHT):
        raise click.BadParameter("the browser asks by itself: say --method and --header of the page's own request")
    return name, value.strip(" \t")


def _places(places: tuple[str, ...]) -> tuple[Path, str]:
    if len(places) > 2:
        raise click.UsageError("say [ROOT] PATH, no more")
    root = places[0] if len(places) == 2 else os.environ.get("CDNSERVE_ROOT") or DEFAULT_ROOT
    return Path(root), places[-1]


@click.command(cls=Command)
@click.argument("places", nargs=-1, required=True, metavar="[ROOT] PATH")
@click.option("--origin", callback=_read_page, help="The page's origin, as https://app.example.com, or its address.")
@click.option("--method", default="GET", callback=_read_method, show_default=True, help="The method of its request.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    callback=_read_headers,
    metavar="'NAME: VALUE'",
    help="A header that the page's script sets; repeatable.",
)
@click.option("--credentials", is_flag=True, help='As with fetch(…, { credentials: "include" }).')
@state_option
@json_option
@click.pass_context
def command(  # one for each option
    ctx: click.Context,
    places: tuple[str, ...],
    origin: str,
    method: str,
    headers: tuple[tuple[str, str], ...],
    credentials: bool,
    state: str | None,
    as_json: bool,
) -> None:
    """Explain what a browser gets for PATH, and why.

    Says which rule of the manifest decides, what its policy says of the page's origin, whether the browser sends
    a CORS-preflight request first, and shows each request with the exact head of its response.

    PATH is a public path, a URL, or a file in ROOT. The exit status is 1 if it is not public or
    the browser blocks it.
    """
    root, path = _places(places)
    built = build_release(root, state)
    question = Question(path, root, origin, method, headers, credentials, built.told)
    explanation = explain(question, Origin(open_release(root, state, built)[1]))
    if as_json:
        write_json(as_object(question, explanation))
    else:
        write(as_lines(question, explanation))
    ctx.exit(0 if explanation.is_readable else 1)
