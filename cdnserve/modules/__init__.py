"""ES modules: imports, package.json's exports, resolution, and the graph of what a page loads."""
