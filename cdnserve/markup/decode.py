"""Decoding (HTML Standard §13.2.3): a page's octets become text that encodes back to the same octets.

Never loses an octet: what its encoding does not know is carried along, or the page is refused.
"""

from __future__ import annotations

from cdnserve.errors import ConfigurationError, Problem

CARRIED = "surrogateescape"
"""How octets without a character are carried: give it to `str.encode` too."""


def decode(data: bytes, declared: str = "") -> tuple[str, str]:
    r"""Return a page's text and the codec's name; raise ConfigurationError where it would not encode back.

    `declared` is the charset of Content-Type. The byte order mark, if any, stays the text's first character.

    >>> decode(b"<meta charset=latin1>caf\xe9"), decode("é".encode())
    (('<meta charset=latin1>café', 'cp1252'), ('é', 'utf-8'))
    """
    codec = _codec(data, declared)
    try:
        text = data.decode(codec, CARRIED)
        whole = text.encode(codec, CARRIED) == data
    except (UnicodeError, LookupError):
        whole, text = False, ""
    if not whole:
        message = f"the page is not well-formed {codec}"
        raise ConfigurationError([Problem("page-encoding", message, hint="save it as UTF-8, and declare that")])
    return text, codec


def _codec(data: bytes, declared: str) -> str:
    from html5lib._inputstream import HTMLBinaryInputStream  # noqa: PLC0415 # html5lib loads slowly

    # "Prescan the byte stream" ends after 1024 octets. An undeclared page is windows-1252 in browsers, but what is
    # UTF-8 throughout was hardly meant as anything else.
    likely = "utf-8" if _is_utf8(data) else None
    stream = HTMLBinaryInputStream(
        data[:1024], transport_encoding=declared or None, likely_encoding=likely, useChardet=False
    )
    name: str = stream.charEncoding[0].codec_info.name
    return name


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
