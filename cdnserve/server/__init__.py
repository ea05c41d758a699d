"""The edges: what carries replies to the wire, and what keeps the newest release served.

Never decides a response.
"""
