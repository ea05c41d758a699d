"""Archives: gzip and tar (RFC 1952, POSIX.1-2017 pax) read in bounded memory, each name one plain path.

Never trusts what an archive says of itself: sizes, names and kinds are checked before a byte is written.
"""
