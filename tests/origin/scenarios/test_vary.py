"""Vary honesty (RFC 9110 §12.5.5, RFC 9111 §4.1): an answer names what it depends on, or caches mix answers up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from cdnserve.origin.message import Reply
from tests.origin.catalogs import APP, FOLDERS, MODIFIED_DATE, STRANGER, ask, header, members

Asked = tuple[str | None, ...]

FIELDS: dict[str, tuple[str | None, ...]] = {
    "origin": (None, APP, STRANGER, "null"),
    "accept_encoding": (None, "br", "identity;q=0", "identity;q=0, br"),
    "access_control_request_method": (None, "GET", "PUT"),
    "access_control_request_headers": (None, "x-custom", "authorization"),
    "access_control_request_private_network": (None, "true"),
}


def played(method: str, path: str, fields: dict[str, tuple[str | None, ...]]) -> dict[Asked, Reply]:
    """Ask with every combination of the fields' values."""
    return {
        values: ask(method, path, **{n: v for n, v in zip(fields, values, strict=True) if v is not None})
        for values in itertools.product(*fields.values())
    }


def pairs(replies: dict[Asked, Reply], fields: dict[str, tuple[str | None, ...]]) -> Iterator[tuple[str, Reply, Reply]]:
    """Yield a field's name and two unequal replies to requests that differ only in that field."""
    for at, name in enumerate(fields):
        for asked, reply in replies.items():
            for value in fields[name]:
                other = replies[(*asked[:at], value, *asked[at + 1 :])]
                if other != reply:
                    yield name.replace("_", "-"), reply, other


def is_named(field: str, reply: Reply, other: Reply) -> bool:
    """Return whether Vary names a field by which two replies differ.

    A client that refuses even identity gets 406; what is kept for others has no coding to name, and §12.5.3 would let
    the server send it to that client, too.
    """
    only = field == "accept-encoding" and other.status == 406 and header(reply, "content-encoding") is None
    return field in members(reply, "vary") or only


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("folder", [*FOLDERS, "elsewhere"])
@pytest.mark.parametrize("name", ["app.js", "font.woff2", "absent.js"])
def test_answers_that_differ_by_one_field_name_it(method: str, folder: str, name: str) -> None:
    """Neither less than that, nor more: each field without need splits what shared caches keep."""
    replies = played(method, f"/{folder}/{name}", FIELDS)
    differing = list(pairs(replies, FIELDS))
    assert {field for field, reply, other in differing if not is_named(field, reply, other)} == set()
    named = set[str]().union(*(members(reply, "vary") for reply in replies.values()))
    assert named <= {field for field, _, _ in differing}


@pytest.mark.parametrize("path", ["/any/app.js", "/partners/app.js", "/partners/absent.js", "/elsewhere", "/%zz"])
def test_other_fields_change_nothing(path: str) -> None:
    more = {"user_agent": "Mozilla/5.0", "cookie": "a=b", "accept": "image/png", "authorization": "Basic YTpi"}
    for method in ("GET", "HEAD", "OPTIONS", "POST"):
        assert ask(method, path) == ask(method, path, **more)


CONDITIONS: dict[str, tuple[str | None, ...]] = {
    "if_match": (None, '"x"', "*"),
    "if_none_match": (None, '"x"', "*"),
    "if_modified_since": (None, MODIFIED_DATE),
    "if_unmodified_since": (None, "Thu, 01 Jan 1970 00:00:00 GMT"),
    "range": (None, "bytes=0-9", "bytes=9999-"),
    "if_range": (None, '"x"'),
}


@pytest.mark.parametrize("path", ["/any/app.js", "/any/font.woff2", "/partners/app.js", "/fresh/app.js"])
def test_a_failed_precondition_that_caches_keep_names_all_that_led_to_it(path: str) -> None:
    """RFC 9111 §4.3.2: caches evaluate conditions against 200 and 206 only; a kept 412 is given out by Vary alone."""
    dishonest = {
        (field, other.status)
        for field, reply, other in pairs(played("GET", path, CONDITIONS), CONDITIONS)
        if reply.status == 412 != other.status and header(reply, "cache-control") != "no-store"
        if field not in members(reply, "vary")
    }
    assert dishonest == set()
