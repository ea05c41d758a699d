"""Explanations: which rule decides about a path, and what a browser makes of the response."""
