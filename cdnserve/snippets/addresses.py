"""Addresses (URL Standard §1.3, percent-encode sets): a logical path as a URL, spelled as browsers spell it.

Never resolves a URL: who asks knows where the file is served.
"""

from __future__ import annotations

from urllib.parse import quote

# What the path percent-encode set leaves alone, but for "%", "?", "#" and "\", which a name means literally.
# The spelling matters: import maps and the module map compare serialized URLs, so an escape too many or too
# few ("%27" for "'") would find no integrity metadata, and the module would run unchecked.
_PATH = "/!$&'()*+,;=:@[]"
# A URL that a person gave keeps its delimiters and escapes; only what no URL may hold is encoded.
_GIVEN = "/!$&'()*+,;=:@[]?#%~"


def public_url(path: str, site_url: str = "") -> str:
    """Give the address of a logical path: absolute where the site's base URL is known, else from the root.

    >>> public_url("npm/@scope/x@1.0.0/a b#c.js", "https://cdn.example.com")
    'https://cdn.example.com/npm/@scope/x@1.0.0/a%20b%23c.js'
    >>> public_url("demo/é?.css")
    '/demo/%C3%A9%3F.css'
    """
    return f"{site_url.rstrip('/')}/{_encode(path.lstrip('/'))}"


def relative_url(path: str) -> str:
    """Give an address relative to the page for a file that is not published.

    A path that leaves the working folder is no address: its last segment stands in for it.

    >>> relative_url("dist/greet.js"), relative_url("/home/me/greet.js"), relative_url("../greet.js")
    ('./dist/greet.js', './greet.js', './greet.js')
    """
    segments = [segment for segment in path.split("/") if segment not in ("", ".")]
    outside = path.startswith("/") or ".." in segments
    return f"./{_encode('/'.join(segments[-1:] if outside else segments))}"


def given_url(url: str) -> str:
    """Write a URL that a person typed without the characters that no URL may hold; escapes stay as they are.

    >>> given_url("https://cdn.example.com/a%20b c.js?v='1'")
    "https://cdn.example.com/a%20b%20c.js?v='1'"
    """
    return quote(url.strip(), safe=_GIVEN, errors="surrogateescape")


def _encode(path: str) -> str:
    return quote(path, safe=_PATH, errors="surrogateescape")
