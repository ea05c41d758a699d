"""Changes to a root: made ready where nobody sees them, written down, then made all at once or taken back.

Never asks a network, and never decides what the changes are.
"""
