"""Releases: files become an immutable catalog and content-addressed blobs, and every byte is hashed."""
