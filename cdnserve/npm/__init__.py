"""npm packages under the root: the registry, tarballs, and what is hosted."""
