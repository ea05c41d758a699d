"""The manifest and its lock: text that people write becomes frozen values, or every problem at once."""
