"""`cdnserve explain`: why a browser gets what it gets; the tool for "blocked by CORS"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from pathlib import Path

import click

from cdnserve.cli.command import (
    Command,
    as_objects,
    complete_library,
    json_option,
    named_root,
    one_root,
    root_option,
    state_option,
    store_option,
)
from cdnserve.cli.release import current_release
from cdnserve.cli.terminal import Piece, write, write_json
from cdnserve.explain.explain import ExplainedExchange, Explanation, PageRequest, explain, read_header, read_method
from cdnserve.explain.why_not import read_origin
from cdnserve.origin.lookup import Origin, PublishRule
from cdnserve.origin.message import Reply, Request, Stored
from cdnserve.release.catalog import Asset
from cdnserve.rules.cors import CompiledPolicy

Line = tuple[Piece, ...]

_WIDTH = 9


def as_lines(question: PageRequest, explanation: Explanation) -> Iterator[Line]:
    """Yield the lines for people."""
    yield (explanation.path, "bold"), (" ", ""), _state(explanation)
    yield from _facts("file", [explanation.leads_to] if explanation.leads_to else [])
    yield from _facts("why", explanation.unlisted)
    if explanation.rule:
        yield from _rule(explanation.rule, explanation.asset)
    if question.origin:
        yield from _page(question, explanation)
    yield from _facts("note", explanation.notes)
    for exchange in explanation.exchanges:
        yield ()
        yield from _exchange(exchange)
    if question.origin:
        yield ()
        yield _verdict(question, explanation)
        yield from ((("To allow it, ", ""), (advice, "yellow")) for advice in explanation.advice)


def _state(explanation: Explanation) -> Piece:
    if explanation.asset:
        return ("is public", "bold green")
    return ("is an alias", "bold green") if explanation.leads_to else ("is not public", "bold red")


def _facts(label: str, texts: Iterable[str], style: str = "") -> Iterator[Line]:
    for text in texts:
        yield (f"  {label:<{_WIDTH}}", "dim"), (text, style)
        label = ""


def _rule(rule: PublishRule, asset: Asset | None) -> Iterator[Line]:
    written = f"manifest.toml:{rule.rule.line}  {', '.join(rule.rule.paths)}"
    left_out = f"  except {', '.join(rule.rule.excepts)}" if rule.rule.excepts else ""
    yield from _facts("rule", [written + left_out])
    yield from _facts("cors", _policy(rule.policy))
    yield from _facts("cache", [rule.rule.cache.control])
    if asset:
        sizes = [f"{representation.coding} {representation.size:,}" for representation in asset.representations]
        yield from _facts("octets", [", ".join(sizes)])


def _policy(compiled: CompiledPolicy) -> Iterator[str]:
    if not compiled.is_allow_list:
        yield compiled.name
        return
    policy = compiled.policy
    yield f"{policy.name}, which allows {', '.join(policy.allow_origins) or 'no origin'}"
    if policy.allow_null_origin:
        yield "and the origin null"
    yield f"methods {', '.join(policy.allow_methods)}"
    yield f"headers {', '.join(policy.allow_headers) or 'none but safelisted ones'}"
    if policy.allow_credentials:
        yield "with credentials"


def _page(question: PageRequest, explanation: Explanation) -> Iterator[Line]:
    verdict = explanation.admitted
    if verdict:
        word, style = ("allowed", "green") if verdict.allowed else ("not allowed", "red")
        yield from _facts("origin", [f"{question.origin} is {word}: {verdict.reason}"], style)
    yield from _facts("", explanation.near, "yellow")
    if explanation.asks:
        yield from _facts("asks", [f"first, by a CORS-preflight request: {reason}" for reason in explanation.asks])


def _exchange(exchange: ExplainedExchange) -> Iterator[Line]:
    request, reply = exchange.request, exchange.reply
    yield ("> ", "dim"), (f"{request.method} {request.raw_path.decode('ascii')} HTTP/1.1", "bold")
    yield from ((("> ", "dim"), (f"{name}: {value}", "")) for name, value in _texts(request.fields))
    style = "bold green" if reply.status < 400 else "bold red"
    yield ("< ", "dim"), (f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}", style)
    yield from ((("< ", "dim"), (f"{name}: {value}", "")) for name, value in _texts(reply.headers))
    for text in _content(reply):
        yield (("< ", "dim"),)
        yield ("< ", "dim"), (text, "")


def _verdict(question: PageRequest, explanation: Explanation) -> Line:
    if explanation.blocked:
        return ("The browser blocks this: ", "bold red"), (explanation.blocked, "")
    reply = explanation.exchanges[-1].reply
    status = f"{reply.status} {HTTPStatus(reply.status).phrase}"
    style = "bold green" if explanation.is_readable else "bold yellow"
    if explanation.leads_to and 300 <= reply.status < 400:
        # Its rule is that of the file, so what is allowed here is allowed there.
        told = f"The browser follows this redirect, and lets pages of {question.origin} read {explanation.leads_to}."
        return ((told, style),)
    return ((f"The browser lets pages of {question.origin} read the response, {status}.", style),)


def _texts(fields: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    return ((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)


def _content(reply: Reply) -> list[str]:
    return [] if isinstance(reply.body, Stored) else reply.body.decode("utf-8").splitlines()


def as_object(question: PageRequest, explanation: Explanation) -> dict[str, object]:
    """Return the object for programs."""
    verdict = explanation.admitted
    return {
        "path": explanation.path,
        "public": explanation.asset is not None,
        "leads_to": explanation.leads_to or None,
        "readable": explanation.is_readable,
        "unlisted": list(explanation.unlisted),
        "rule": _rule_object(explanation.rule) if explanation.rule else None,
        "origin": question.origin or None,
        "allowed": verdict.allowed if verdict else None,
        "reason": verdict.reason if verdict else "",
        "near": list(explanation.near),
        "preflight": list(explanation.asks),
        "blocked": explanation.blocked,
        "advice": list(explanation.advice),
        "notes": list(explanation.notes),
        "exchanges": [_exchange_object(exchange) for exchange in explanation.exchanges],
        "problems": as_objects(question.warnings),
    }


def _rule_object(rule: PublishRule) -> dict[str, object]:
    return {
        "where": f"manifest.toml:{rule.rule.line}",
        "path": list(rule.rule.paths),
        "except": list(rule.rule.excepts),
        "cors": rule.policy.name,
        "cache_control": rule.rule.cache.control,
    }


def _exchange_object(exchange: ExplainedExchange) -> dict[str, object]:
    return {"request": _request_object(exchange.request), "response": _response_object(exchange.reply)}


def _request_object(request: Request) -> dict[str, object]:
    path = request.raw_path.decode("ascii")
    return {"method": request.method, "path": path, "headers": [list(pair) for pair in _texts(request.fields)]}


def _response_object(reply: Reply) -> dict[str, object]:
    headers = [list(pair) for pair in _texts(reply.headers)]
    return {"status": reply.status, "headers": headers, "text": "\n".join(_content(reply))}


def _read_page(_: click.Context, __: click.Parameter, text: str | None) -> str:
    try:
        return read_origin(text) if text else ""
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _read_method(_: click.Context, __: click.Parameter, text: str) -> str:
    try:
        return read_method(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _read_headers(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(read_header(text) for text in texts)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _places(places: tuple[str, ...], root: Path) -> tuple[Path, str]:
    if len(places) > 2:
        raise click.UsageError("say [ROOT] PATH, no more")
    return one_root(named_root(places[0]) if len(places) == 2 else None, root), places[-1]


@click.command(
    cls=Command,
    examples=(
        "explain /npm/jquery@3.7.1/dist/jquery.min.js",
        "explain jquery@3 --origin https://app.example.com",
    ),
)
@click.argument("places", nargs=-1, required=True, metavar="[ROOT] PATH", shell_complete=complete_library)
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
@root_option
@state_option
@store_option
@json_option
@click.pass_context
def command(  # one for each option
    ctx: click.Context,
    places: tuple[str, ...],
    origin: str,
    method: str,
    headers: tuple[tuple[str, str], ...],
    credentials: bool,
    root: Path,
    state: str | None,
    store: str,
    as_json: bool,
) -> None:
    """Explain what a browser gets for PATH, and why.

    Says which rule of the manifest decides, what its policy says of the page's origin, whether the browser sends
    a CORS-preflight request first, and shows each request with the exact head of its response.

    PATH is a public path, a URL, a file in ROOT, or NAME[@VERSION][/PATH] of a hosted library. The exit status is 1 if
    it is not public or the browser blocks it.
    """
    root, path = _places(places, root)
    _, catalog, problems = current_release(root, state, store)
    # What lies on this disk says nothing of a store.
    question = PageRequest(path, None if store else root, origin, method, headers, credentials, tuple(problems))
    explanation = explain(question, Origin(catalog))
    if as_json:
        write_json(as_object(question, explanation))
    else:
        write(as_lines(question, explanation))
    ctx.exit(0 if explanation.is_readable else 1)
