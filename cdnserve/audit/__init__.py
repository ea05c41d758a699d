"""The audit of pages: what is wrong with their tags, and the fix."""
