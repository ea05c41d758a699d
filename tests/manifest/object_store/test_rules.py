"""What a pattern of a store covers."""

from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.manifest.object_store.rules import StoreRule, covers


@given(st.text("ab*.", max_size=8), st.text("ab.", max_size=8))
def test_a_star_is_any_characters(pattern: str, text: str) -> None:
    assert covers(pattern, text) == (re.fullmatch(fnmatch.translate(pattern), text) is not None)


@pytest.mark.parametrize(
    ("patterns", "name", "expected"),
    [
        pytest.param(("*",), "ETag", True, id="all"),
        pytest.param(("x-amz-*",), "X-Amz-Meta", True, id="a pattern, whatever the case"),
        pytest.param(("ETag",), "etag", True, id="a name, whatever the case"),
        pytest.param(("x-amz-*",), "etag", False, id="another name"),
    ],
)
def test_request_headers(patterns: tuple[str, ...], name: str, expected: bool) -> None:
    assert expected is StoreRule(1, "", (), (), allow_headers=patterns).covers_header(name)


def test_exposed_headers_are_names_or_all() -> None:
    """Browsers know no patterns of response headers but `*`."""
    rule = StoreRule(1, "", (), (), expose_headers=("x-*", "ETag"))
    assert [False, True] == [rule.exposes(name) for name in ("x-a", "etag")]
    assert StoreRule(1, "", (), (), expose_headers=("*",)).exposes("x-a")
