"""Protocol rules, one specification a module: from values to values."""
