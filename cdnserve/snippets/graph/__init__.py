"""Module graphs: names of hosted packages → every file that a browser loads for them, and the import map (HTML).

Never reads a file itself: a shelf answers.
"""
