"""The routes through real HTTP, over both lanes: cold and hot, revalidated, and of the release that is served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdnserve.release.build import build
from tests.contract.wire import message
from tests.server.serving import LANES, eventually, serving, settings
from tests.web import site

LIBRARIES = "/-/api/v1/libraries"


@pytest.mark.parametrize("lane", LANES)
def test_answers_follow_the_release(tmp_path: Path, lane: str) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    site.write(root, site.BEFORE)
    build(root, state)
    with serving(settings(root, state, lane), tmp_path / "log.txt") as served:
        cold, hot = served.get(LIBRARIES), served.get(LIBRARIES)
        assert (200, cold.body, cold["etag"]) == (hot.status, hot.body, hot["etag"])
        assert ("no-cache", "*") == (hot["cache-control"], hot["access-control-allow-origin"])
        again = served.get(LIBRARIES, ("If-None-Match", hot["etag"]))
        assert (304, b"", hot["etag"]) == (again.status, again.body, again["etag"])
        with served.connect() as connection:
            head = connection.exchange(message("HEAD", LIBRARIES), "HEAD")
            assert (200, hot["content-length"]) == (head.status, head["content-length"])
        assert 404 == served.get("/-/absent").status
        assert "1.0.0" == json.loads(cold.body)["items"][2]["version"]
        for query, kind in (("", "text/javascript"), ("?meta", "application/json"), ("?x", "text/javascript")) * 2:
            assert served.get(f"/greet@1.0.0/dist/greet.js{query}")["content-type"].startswith(kind)
        site.write(root, site.AFTER)
        build(root, state)
        assert eventually(lambda: json.loads(served.get(LIBRARIES).body)["items"][2]["version"] == "1.1.0")
        assert 200 == served.get(LIBRARIES, ("If-None-Match", hot["etag"])).status
        assert "Traceback" not in served.told()


def test_a_query_of_ten_kilobytes(tmp_path: Path) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    site.write(root, {"own/app.js": site.APP})
    build(root, state)
    with serving(settings(root, state), tmp_path / "log.txt") as served:
        for target in (f"{LIBRARIES}?q={'x' * 10_240}", f"{LIBRARIES}?q=%ff", f"{LIBRARIES}/%ff"):
            refused = served.get(target)
            assert (400, "application/problem+json") == (refused.status, refused["content-type"])
        assert "Traceback" not in served.told()
