"""cdnserve: an origin server for JavaScript, CSS and font libraries, CORS-correct and hashed.

Imports point strictly down: errors, rules, manifest, release, origin and its siblings, pages, server, cli.
"""
