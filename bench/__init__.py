"""What is measured, how, and the saved results (`make bench`).

Every figure is one of several short runs, taken in turns with the same server's hello-world and with the
disk's fsync, so that ratios hold when others use the machine. Client, server and database share it.
"""
