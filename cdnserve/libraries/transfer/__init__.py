"""Transfer: manifest, lock and files of a root as one archive (POSIX.1-2017 pax), for hosts without a network.

Never places a byte that was not compared with the archive's index and the lock.
"""
