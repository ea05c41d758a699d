"""Asking for pages as the server does: a path and a query go in, and a whole answer comes out."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from html import unescape

from cdnserve.origin.message import Reply, Request
from cdnserve.web.answers import WebAnswers
from tests.web.built import BuiltSite

HOST = (b"host", b"cdn.example.com")


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks one process for what is below `/-/` of a release."""

    answers: WebAnswers
    site: BuiltSite

    def ask(self, target: str, method: str = "GET", *fields: tuple[bytes, bytes]) -> Reply | None:
        """Return the reply, `None` where nothing answers."""
        path, _, query = target.partition("?")
        request = Request(method, path.encode("ascii"), (HOST, *fields))
        return asyncio.run(self.answers.answer(request, query.encode("ascii"), self.site.origin))

    def page(self, target: str, status: int = 200) -> str:
        """Return the HTML of a page that has this status."""
        reply = self.ask(target)
        assert reply is not None
        assert status == reply.status
        assert b"text/html; charset=utf-8" == reply.header(b"content-type")
        assert isinstance(reply.body, bytes)
        return reply.body.decode("utf-8")


def words(html: str) -> str:
    """Return what people read of a page."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def links(html: str) -> list[str]:
    """Return where the links of a page lead."""
    return [unescape(found) for found in re.findall(r'<a [^>]*href="([^"]*)"', html)]


def snippets(html: str) -> list[str]:
    """Return the texts of a page that are there to be copied."""
    return [
        unescape(found)
        for found in re.findall(r'<pre class="code"[^>]*><code id="[^"]*">(.*?)</code>', html, re.DOTALL)
    ]
