"""The operations of the standard that are about resources as such and belong to no room.

`rows` lists them: the interactions find them there, and the capability statement tells them from there.
"""
