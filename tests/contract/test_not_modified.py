"""304 (RFC 9110 §15.4.5): what it repeats, what it leaves out, and which representation it speaks of."""

from __future__ import annotations

import pytest

from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.site import DATED
from tests.contract.site import MODIFIED_DATE as SAME


@pytest.mark.parametrize("condition", ["If-None-Match", "If-Modified-Since"])
@pytest.mark.parametrize("coding", ["", "gzip", "br", "zstd"])
@pytest.mark.parametrize("folder", ["any/1.0.0", "partners"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_304_repeats_what_steers_a_cache(edge: Edge, method: str, folder: str, coding: str, condition: str) -> None:
    """§15.4.5: MUST generate Date, ETag, Vary, Cache-Control as the 200 has; ours adds the CORS headers."""
    fields = (("Accept-Encoding", coding), ("Origin", sites.ORIGIN))
    full = edge.ask(method, f"/{folder}/app.js", *fields)
    value = full["etag"] if condition == "If-None-Match" else full["last-modified"]
    answer = edge.ask(method, f"/{folder}/app.js", *fields, (condition, value))
    assert answer.status == 304
    repeated = ["etag", "vary", "cache-control", "timing-allow-origin", "cross-origin-resource-policy"]
    repeated += [name for name, _ in full.fields if name.startswith("access-control-")]
    assert {name: full.get(name) for name in repeated} == {name: answer.get(name) for name in repeated}


def test_a_304_says_nothing_of_content(edge: Edge) -> None:
    """§15.4.5: no representation metadata but what guides a cache; a length, if any, is the 200's (§8.6)."""
    full, answer = edge.get(DATED), edge.get(DATED, ("If-None-Match", "*"))
    for name in ("content-type", "content-encoding", "content-range", "repr-digest", "unencoded-digest"):
        assert answer.get(name) is None
    assert answer.get("content-length") in (None, full["content-length"])


@pytest.mark.parametrize(
    ("asked", "held", "status"),
    [
        pytest.param("gzip", "gzip", 304, id="the same coding"),
        pytest.param("br", "br", 304, id="the same coding again"),
        pytest.param("", "", 304, id="no coding"),
        pytest.param("gzip", "br", 200, id="another coding"),
        pytest.param("", "gzip", 200, id="no coding, a coded tag"),
        pytest.param("gzip", "", 200, id="a coding, the tag of none"),
    ],
)
def test_tags_are_those_of_the_selected_representation(edge: Edge, asked: str, held: str, status: int) -> None:
    """§8.8.3.3, §13.1.2: each content coding has its own tag, and conditions look at the selected one."""
    tag = edge.get(DATED, ("Accept-Encoding", held))["etag"]
    assert status == edge.get(DATED, ("Accept-Encoding", asked), ("If-None-Match", tag)).status
    expected = 200 if status == 304 else 412
    assert expected == edge.get(DATED, ("Accept-Encoding", asked), ("If-Match", tag)).status


@pytest.mark.parametrize("path", ["/any/1.0.0/empty.css", "/any/1.0.0/font.woff2", "/any/1.0.0/tiny.txt"])
def test_conditions_hold_for_every_kind_of_file(edge: Edge, path: str) -> None:
    tag = edge.get(path)["etag"]
    assert edge.get(path, ("If-None-Match", tag)).status == 304
    assert edge.get(path, ("If-Match", tag)).status == 200
    assert edge.get(path, ("If-Match", '"other"')).status == 412
    assert edge.get(path, ("If-Modified-Since", SAME)).status == 304
