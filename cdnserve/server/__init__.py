"""The server: processes, sockets, and the edges that carry replies to the wire."""
