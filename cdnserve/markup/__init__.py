"""HTML: parsed with positions, what it loads, and edits that keep every other octet."""
