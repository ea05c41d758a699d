"""Downloads: the libraries that a command orders, out of the cache or from their registries, verified and unpacked.

Never touches what is public: what lies ready is for whoever ordered it.
"""
