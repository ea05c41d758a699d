"""The catalog for people and their tools: what a release lists, as values, JSON and pages below `/-/`."""
