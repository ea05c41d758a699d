"""Protocol rules, one specification to a module: functions from values to values.

Never import each other, never read a disk, a clock, an environment or a socket.
"""
