"""Benchmarks: what a build, a start and a request cost, beside tools that do the least that each task asks for."""
