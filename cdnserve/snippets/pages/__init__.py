"""Pages: what an HTML page loads from elsewhere, and what is wrong with how it does.

Never fetches or writes a page: text comes in, tags and findings go out.
"""
