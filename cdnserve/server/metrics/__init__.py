"""Metrics: what is counted in every process, and its exposition in the text formats of Prometheus and OpenMetrics.

Never counts by path, origin or client: what labels say is bounded.
"""
