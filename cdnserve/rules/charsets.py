"""Character encodings (RFC 7303 §3, HTML §13.2.3.2, CSS Syntax §3.2): what the octets of a file say of themselves."""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, utf_8_decode
from dataclasses import dataclass
from typing import Literal

from cdnserve.decode import Decoder, UndecodableError, decoder

Form = Literal["text", "utf-8", "gzip", "mpeg", "other"]
"""What octets are: UTF-8 text, UTF-8 with control characters that no text has, gzip (RFC 1952), an MPEG-2 transport
stream, or something else."""

# What looks for a declaration has to read no more: HTML §13.2.3.2 says 1024 octets for the longest.
_OPENING = 1024
# MIME Sniffing §3, binary data bytes.
_BINARY = bytes({*range(0x20)} - {*b"\t\n\f\r\x1b"})
LARGEST_DECODED = 64 * 2**20
"""So many octets are decoded to see whether gzip is whole; a larger file is sent as it is."""
_GZIP = b"\x1f\x8b\x08"
_PACKET = 188  # octets of a packet of a transport stream, each of which begins with "G" (ISO/IEC 13818-1 §2.4.3.2)
_UTF_16 = (BOM_UTF16_BE, BOM_UTF16_LE, b"<\0?\0", b"\0<\0?")
_DECLARATION = re.compile(
    rb"""<\?xml\s[^<>]*?encoding\s*=\s*["']([^"'<>]*)|@charset\ "([^"<>]*)";""",
    re.VERBOSE,
)
_META = re.compile(rb"""<meta[\s/][^<>]*?charset\s*=\s*(?:["']\s*)?([^\s"'/;<>]+)""", re.IGNORECASE)
_OURS = (b"utf-8", b"utf8")


@dataclass(frozen=True, slots=True)
class Charset:
    """How the octets of a file look.

    `declared` says that they declare an encoding other than UTF-8, by a byte order mark or in words; `flaw` is the
    place, and `line` the line, of the first octet that is not UTF-8.
    """

    form: Form
    declared: bool = False
    flaw: int | None = None
    line: int = 0


class CharsetReader:
    """Reads octets piece by piece, and holds no more than their beginning."""

    def __init__(self) -> None:
        self._opening = b""
        self._rest = b""
        self._length = 0
        self._flaw: int | None = None
        self._line = 1
        self._is_text = True
        self._decoder: Decoder | None = None
        self._left = LARGEST_DECODED

    def update(self, octets: bytes) -> None:
        """Look at the next octets."""
        if len(self._opening) < _OPENING:
            self._opening += octets[: _OPENING - len(self._opening)]
        if not self._length and octets.startswith(_GZIP[: len(octets)]):
            self._decoder = decoder("gzip")
        self._decompress(octets)
        self._length += len(octets)
        if self._flaw is None:
            self._decode(self._rest + octets)
        if self._flaw is None and self._is_text:
            self._is_text = len(octets.translate(None, _BINARY)) == len(octets)

    def result(self) -> Charset:
        """Return how they look, all taken together."""
        if self._flaw is None and self._rest:  # cut short in the middle of a character
            self._flaw = self._length - len(self._rest)
        line = 0 if self._flaw is None else self._line
        return Charset(self._form(), _declares_another(self._opening), self._flaw, line)

    def _decode(self, octets: bytes) -> None:
        try:
            consumed = utf_8_decode(octets)[1]
            self._rest = octets[consumed:]
            self._line += octets.count(b"\n", 0, consumed)
        except UnicodeDecodeError as error:
            self._flaw = self._length - len(octets) + error.start
            self._line += octets.count(b"\n", 0, error.start)

    def _decompress(self, octets: bytes) -> None:
        """Decode what may be gzip, a member after the other, as long as it is that."""
        try:
            while self._decoder and octets:
                if self._decoder.is_whole:
                    self._decoder = decoder("gzip")
                for piece in self._decoder(octets):
                    self._left -= len(piece)
                    if self._left < 0:
                        self._decoder = None
                        return
                octets = self._decoder.rest
        except UndecodableError:
            self._decoder = None

    def _form(self) -> Form:
        if self._flaw is None:
            return "text" if self._is_text else "utf-8"
        if self._decoder and self._decoder.is_whole:
            return "gzip"
        begins = self._opening[::_PACKET]
        return "mpeg" if len(begins) > 1 and not begins.strip(b"G") else "other"


def look(octets: bytes) -> Charset:
    r"""Return how octets look.

    >>> look(b"caf\xc3\xa9"), look(b'<?xml version="1.0" encoding="iso-8859-1"?><a>\xe9</a>')
    (Charset(form='text', declared=False, flaw=None, line=0), Charset(form='other', declared=True, flaw=46, line=1))
    """
    looking = CharsetReader()
    looking.update(octets)
    return looking.result()


def _declares_another(opening: bytes) -> bool:
    if opening.startswith(BOM_UTF8):  # it outranks all words
        return False
    if opening.startswith(_UTF_16):
        return True
    found = _DECLARATION.match(opening) or _META.search(opening)
    return found is not None and found[found.lastindex or 0].strip().lower() not in _OURS
