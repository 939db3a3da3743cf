"""Telling subscribers: which changes are events, what a notification says, how it gets there."""
