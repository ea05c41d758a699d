"""cdnserve: an origin server for JavaScript, CSS and font libraries, CORS-correct and hashed.

Imports point strictly down: docs/architecture.md has the layers in their order.
"""
