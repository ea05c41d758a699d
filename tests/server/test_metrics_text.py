"""The exposition: which formats there are, and that nothing asked for gets into it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.server import metrics_text as module
from cdnserve.server.metrics_shared import SharedMetrics
from cdnserve.server.metrics_text import Exposition, acceptable

FORMATS = ("text/plain; version=", "application/openmetrics-text; version=")
PIECES = st.sampled_from(
    [
        "application/openmetrics-text",
        "text/plain",
        ";",
        ",",
        "version=",
        "escaping=",
        "1.0.0",
        "a",
        " ",
        "\x80",
        "9" * 99,
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
def test_any_accept_field_gives_a_format(accept: str) -> None:
    media_type, content = Exposition(SharedMetrics()).text(accept, None)
    assert media_type.startswith(FORMATS)
    assert media_type.isascii()
    assert media_type.isprintable()
    assert len(media_type) < 100
    assert b"cdnserve_workers" in content


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("text/plain;version=0.0.4;q=0.3", "text/plain;version=0.0.4;q=0.3", id="Prometheus' own"),
        pytest.param("text/html, text/plain", " text/plain", id="a browser's is left out"),
        pytest.param("text/plain;version=2", "", id="half a version"),
        pytest.param("text/plain;version=1.0.0\x00", "", id="a control character"),
        pytest.param("x" * 2000 + ",text/plain", "", id="far behind"),
    ],
)
def test_only_known_formats_are_looked_at(accept: str, expected: str) -> None:
    assert expected == acceptable(accept)


def test_it_is_made_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    shared = SharedMetrics()
    block = shared.block(1)
    made = Exposition(shared)
    before = made.text("", None)
    block.values[block.cell("accepted")] += 1
    assert before == made.text("", None)
    now[0] += 1
    assert b"cdnserve_connections_accepted_total 1.0" in made.text("", None)[1]
    assert before[1] != made.text("", None)[1]


def test_few_formats_are_kept() -> None:
    made = Exposition(SharedMetrics())
    found = {made.text(f"application/openmetrics-text;version={n}.0.0", None)[0] for n in range(1, 10)}
    assert len(found) == 9
    assert len(made._kept) <= 8
