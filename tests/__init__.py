"""The tests, as a package: `tests.layers` must not be looked for in a library that installs a `tests` of its own."""
