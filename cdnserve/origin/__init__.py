"""The origin: from a request and a catalog to a reply, which the edges carry to the wire."""
