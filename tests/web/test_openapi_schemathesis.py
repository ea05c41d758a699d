"""The API does what its OpenAPI document says: schemathesis asks, in process, the same each time, and finds nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig

from cdnserve.server.asgi import read_request, send_reply
from cdnserve.web.answers import WebAnswers
from cdnserve.web.api import OPERATIONS
from tests.web import site
from tests.web.built import BuiltSite
from tests.web.test_view import integrity

pytestmark = pytest.mark.unmeasured

EXAMPLES = 20
# Without them hardly a name would be one of the site's.
KNOWN = {
    "name": ["greet", "@scope/words", "hidden"],
    "version": ["1.0.0", "1.1.0", "2.0.0"],
    "path": ["npm/greet@1.0.0/dist/greet.js", "partners/secret.js", "npm/greet@1/dist/greet.js"],
    "spec": ["greet", "greet@^1", "@scope/words@latest", "hidden@1"],
    "integrity": [integrity(site.GREET), integrity(site.SECRET, "sha256")],
}

Application = Callable[[Any, Any, Any], Awaitable[None]]


@pytest.fixture(scope="session")
def schema(web_site: BuiltSite) -> Any:
    """The document, as it is served."""
    answers = WebAnswers(web_site.store, web_site.read)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reply = await answers.answer(read_request(scope), scope["query_string"], web_site.origin)
        assert reply is not None
        await send_reply(send, reply)

    config = SchemathesisConfig.from_dict({"generation": {"deterministic": True}})
    return schemathesis.openapi.from_asgi("/-/api/v1/openapi.json", app, config=config)


@pytest.mark.parametrize("path", [operation.path for operation in OPERATIONS])
def test_nothing_is_found(schema: Any, path: str) -> None:
    operation = schema[f"/{path}"]["GET"]

    @given(
        case=operation.as_strategy(),
        known=st.fixed_dictionaries({name: st.sampled_from(KNOWN[name]) for name in KNOWN}),
        mixed=st.booleans(),
    )
    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    def check(case: Any, known: dict[str, str], mixed: bool) -> None:
        if mixed:
            case.path_parameters.update({name: known[name] for name in case.path_parameters})
        response = case.call_and_validate()
        for name in site.UNLISTED:
            assert name not in response.text or name in str(case.path_parameters) + str(case.query)

    check()
