"""Verification: what an edge answers, compared with what the release says."""
