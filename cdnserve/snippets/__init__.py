"""Snippets: tags, import maps, CSP sources and listings, with integrity metadata."""
