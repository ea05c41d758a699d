"""The origin: (request facts, catalog) → reply; the only place that decides a response.

Never does I/O.
"""

from cdnserve.origin.compiled import Origin
from cdnserve.origin.message import Fields, Reply, Request, Stored
from cdnserve.origin.respond import failure, respond

__all__ = ["Fields", "Origin", "Reply", "Request", "Stored", "failure", "respond"]
