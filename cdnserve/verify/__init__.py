"""The verify package: what a live URL answers, held against the release.

Never decides what is right: `origin.respond` does.
"""

from cdnserve.verify.client import Manner, Target, parse_target
from cdnserve.verify.findings import Finding, Group
from cdnserve.verify.walking import Choice, Report, verify

__all__ = ["Choice", "Finding", "Group", "Manner", "Report", "Target", "parse_target", "verify"]
