"""Migration: a page's public CDN addresses become addresses of this host."""
