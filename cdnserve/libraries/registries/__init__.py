"""Registries: where npm's configuration says that packages come from, and what is there, read with suspicion.

Never unpacks anything, and never sends a secret past the registry that it was given for.
"""
