"""Methods: which ones a policy may allow (Fetch §2.2.1)."""

from __future__ import annotations

import pytest

from cdnserve.manifest.methods import method_problems


@pytest.mark.parametrize(
    ("method", "reference", "hint"),
    [
        pytest.param("*", "method-any", 'write ["GET", "HEAD"]', id="a star"),
        pytest.param("", "method-invalid", "", id="empty"),
        pytest.param("A B", "method-invalid", "", id="a space"),
        pytest.param("GÉT", "method-invalid", "", id="not ASCII"),
        pytest.param("GET,HEAD", "method-invalid", "", id="two in one"),
        pytest.param("CONNECT", "method-forbidden", "leave it out", id="CONNECT"),
        pytest.param("TRACE", "method-forbidden", "leave it out", id="TRACE"),
        pytest.param("Track", "method-forbidden", "leave it out", id="TRACK in any case"),
        pytest.param("get", "method-case", "write GET", id="get"),
        pytest.param("Delete", "method-case", "write DELETE", id="Delete"),
        pytest.param("patch", "method-case", "write PATCH", id="patch, which browsers do not correct"),
    ],
)
def test_is_refused(method: str, reference: str, hint: str) -> None:
    assert [(reference, hint)] == [(problem.reference, problem.hint) for problem in method_problems(method)]


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PURGE", "purge", "M-SEARCH"]
)
def test_is_accepted(method: str) -> None:
    assert [] == list(method_problems(method))
