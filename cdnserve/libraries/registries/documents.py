"""What a registry says in JSON: fetched with its content coding undone, or refused with the reason.

Never reads what the document says, and never holds more than the limit, whatever it unpacks to.
"""

from __future__ import annotations

from dataclasses import replace

from cdnserve.client import OversizeError, UndecodableError, decoded
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.registries.client import Client, Wanted
from cdnserve.libraries.registries.receiving import Buffer
from cdnserve.libraries.registries.registry import Registry
from cdnserve.libraries.wording import counted, shown


def fetch_document(wanted: Wanted, client: Client) -> tuple[int, bytes]:
    """Fetch a document; give the status and, if it is 200, the octets without their content coding."""
    sink = Buffer()
    fields = (*wanted.fields, ("Accept-Encoding", "gzip, identity;q=0.5"))
    received = client.fetch(replace(wanted, fields=fields), sink)
    if received.status != 200:
        return received.status, b""
    return 200, _decoded(sink.data, received.coding, wanted)


def _decoded(data: bytes, coding: str, wanted: Wanted) -> bytes:
    try:
        return decoded([data], coding, wanted.limit)
    except UndecodableError as error:
        raise nonsense(wanted.what, wanted.registry, f"its content coding can't be taken off: {error}") from None
    except OversizeError:
        message = f"{wanted.what}: it unpacks to more than {counted(wanted.limit)}"
        raise ConfigurationError([Problem("registry-too-large", message, wanted.registry.address.shown)]) from None


def refused(what: object, registry: Registry, status: int) -> ConfigurationError:
    """Say why the registry doesn't give what was asked, from the status of its answer."""
    where = registry.address.shown
    if status in (404, 410):
        hint = "check the name, and that this is the registry that has it"
        problem = Problem("library-not-found", f"the registry has no {what}", where, hint=hint)
    elif status in (401, 403):
        hint = (
            "a token is configured, but not sent because the registry is not reached by https"
            if registry.withholds
            else f"configure a token: //{registry.address.authority}{registry.address.path}:_authToken in .npmrc"
        )
        problem = Problem("registry-refused", f"the registry refuses {what} (status {status})", where, hint=hint)
    else:
        problem = Problem("registry-answer", f"the registry answers {what} with status {status}", where)
    return ConfigurationError([problem])


def nonsense(what: str, registry: Registry, why: str) -> ConfigurationError:
    """Say that the registry's answer can't be used; `why` may hold what it said."""
    message = f"{what}: the registry's answer can't be used"
    hint = "check that the address is an npm registry's"
    return ConfigurationError([Problem("registry-answer", message, registry.address.shown, shown(why), hint)])
