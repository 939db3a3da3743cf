"""The open extraction `PS_LibreAcces`: its three files read line by line and imported in the directory.

Rule: Annuaire Santé, extraction en libre accès. Takes whole extracts; does not take deltas, nor mark as
inactive the professionals that a newer extract no longer names.
"""
