"""URLs of a page (URL Standard §4.4): a reference and a base become what a browser would ask for."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

_C0_OR_SPACE = "".join(map(chr, range(0x21)))
_REMOVED = str.maketrans("", "", "\t\n\r")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_LOOPBACK = re.compile(r"(?:localhost|[a-z0-9.-]*\.localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]*)?", re.ASCII)
_PORTS = {"http": "80", "https": "443"}


def clean(reference: str) -> str:
    r"""Return a reference without what browsers leave out, and with slashes for backslashes.

    >>> clean(" \\\\cdn.example\\a\n.js?x=\\ ")
    '//cdn.example/a.js?x=\\'
    """
    text = reference.strip(_C0_OR_SPACE).translate(_REMOVED)
    scheme = _SCHEME.match(text)
    if scheme and scheme[1].lower() not in _PORTS:
        return text
    at = next((place for place, character in enumerate(text) if character in "?#"), len(text))
    return text[:at].replace("\\", "/") + text[at:]


def resolve(base: str, reference: str) -> str:
    """Resolve a reference; `base` is `""` where nobody knows where the page is served, which then is https.

    >>> resolve("https://a.example/b/c.html", "../d.js"), resolve("", "../d.js"), resolve("", "HTTPS://B.example:443/x")
    ('https://a.example/d.js', '../d.js', 'https://b.example/x')
    """
    text = _with_slashes(reference)
    if text.startswith("//") and not base:
        text = f"https:{text}"
    try:
        return _serialized(urljoin(base, text) if base else text)
    except ValueError:
        return text


def _with_slashes(reference: str) -> str:
    text = clean(reference)
    scheme = _SCHEME.match(text)
    if not scheme or scheme[1].lower() not in _PORTS:
        return text
    # "special authority ignore slashes": one slash or three are as good as two.
    return f"{scheme[1].lower()}://{text[scheme.end() :].lstrip('/')}"


def _serialized(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.netloc:
        return url
    authority = parts.netloc.rpartition("@")[2].lower().removesuffix(f":{_PORTS[parts.scheme]}")
    return parts._replace(netloc=authority, path=_without_dots(parts.path) or "/", fragment="").geturl()


def _without_dots(path: str) -> str:
    """Take dot segments out, also escaped ones (URL Standard §4.1, "single-dot" and "double-dot URL path segment")."""
    kept: list[str] = []
    segments = path.split("/")
    for number, segment in enumerate(segments, 1):
        dots = segment.lower().replace("%2e", ".")
        if dots not in (".", ".."):
            kept.append(segment)
            continue
        if dots == ".." and len(kept) > 1:
            kept.pop()
        if number == len(segments):
            kept.append("")
    return "/".join(kept)


def has_credentials(reference: str) -> bool:
    r"""Return whether an address has a user name or a password in it.

    >>> has_credentials("https:\\\\me@cdn.example/a.js"), has_credentials("https://cdn.example/@a/b@1.0.0/c.js")
    (True, False)
    """
    try:
        return "@" in urlsplit(_with_slashes(reference)).netloc
    except ValueError:
        return False


def origin(url: str) -> str:
    """Return the origin of an absolute http or https URL, `""` of any other.

    >>> origin("https://cdn.example/a.js"), origin("//cdn.example/a.js"), origin("data:,")
    ('https://cdn.example', '', '')
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in _PORTS and parts.netloc else ""


def authority(url: str) -> str:
    """Return host and port of a URL, with or without its scheme; `""` of a path.

    >>> authority("//cdn.example:8443/a"), authority("/a"), authority("https://cdn.example")
    ('cdn.example:8443', '', 'cdn.example')
    """
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def web_url(text: str) -> str:
    r"""Return the http or https URL that a person names something by, `""` where it is the name of a file.

    >>> web_url("https:\\\\cdn.example\\a.js"), web_url("a.js")
    ('https://cdn.example/a.js', '')
    """
    scheme, _, rest = clean(text).partition(":")
    return _with_slashes(text) if scheme.lower() in _PORTS and rest.startswith("/") else ""


def is_loopback(url: str) -> bool:
    """Return whether a URL leads to this machine, where http is as good as https."""
    return _LOOPBACK.fullmatch(authority(url)) is not None
