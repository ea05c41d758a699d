"""Scenes: for every status of the contract, a request that leads to it in any folder of the site.

Never more than one per status and cause: the tables of each concern add their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.contract.edges import Edge
from tests.contract.wire import Field, Response, message


@dataclass(frozen=True, slots=True)
class Scene:
    """A request for `name` in some folder, and the status that it must get."""

    story: str
    status: int
    name: str = "app.js"
    fields: tuple[Field, ...] = ()
    method: str = "GET"
    host: str = "cdn.example.com"

    def request(self, folder: str, *more: Field) -> bytes:
        """Write the request in a folder, with more fields after the scene's own."""
        return message(self.method, f"/{folder}/{self.name}", (*self.fields, *more), host=self.host)

    def play(self, edge: Edge, folder: str, *more: Field) -> Response:
        """Ask in a folder, with more fields after the scene's own; the status is checked."""
        response = edge.exchange(self.request(folder, *more), self.method)
        assert self.status == response.status
        return response


SCENES = (
    Scene("a file with content codings", 200),
    Scene("a file without content codings", 200, "tiny.txt"),
    Scene("an empty file", 200, "empty.css"),
    Scene("a coded file", 200, fields=(("Accept-Encoding", "gzip"),)),
    Scene("HEAD", 200, method="HEAD"),
    Scene("OPTIONS", 204, method="OPTIONS"),
    Scene("a range", 206, fields=(("Range", "bytes=2-9"),)),
    Scene("a range of a coded file", 206, fields=(("Range", "bytes=2-9"), ("Accept-Encoding", "br"))),
    Scene("not modified", 304, fields=(("If-None-Match", "*"),)),
    Scene("not modified, HEAD", 304, fields=(("If-None-Match", "*"),), method="HEAD"),
    Scene("a malformed Host", 400, host="a,b"),
    Scene("a missing file", 404, "absent.js"),
    Scene("HEAD of a missing file", 404, "absent.js", method="HEAD"),
    Scene("OPTIONS of a missing file", 404, "absent.js", method="OPTIONS"),
    Scene("another method", 405, method="DELETE"),
    Scene("another method, a missing file", 405, "absent.js", method="PUT"),
    Scene("nothing acceptable", 406, fields=(("Accept-Encoding", "*;q=0"),)),
    Scene("nothing acceptable without codings", 406, "tiny.txt", fields=(("Accept-Encoding", "identity;q=0"),)),
    Scene("If-Match", 412, fields=(("If-Match", '"other"'),)),
    Scene("If-Match of HEAD", 412, fields=(("If-Match", '"other"'),), method="HEAD"),
    Scene("an unsatisfiable range", 416, fields=(("Range", "bytes=99999999-"),)),
)

EVERY_SCENE = pytest.mark.parametrize("scene", [pytest.param(scene, id=scene.story) for scene in SCENES])
