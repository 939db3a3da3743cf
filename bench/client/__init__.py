"""The clients: wrk where it is installed, one of our own on raw sockets, and one that keeps a timetable."""
