"""The functions and operators of FHIRPath that work on whole collections, by chapter of the specification.

Each takes the evaluation, the collection it is called on and one collection for each argument, and gives
a collection. Empty in, empty out, unless it says otherwise. Several items where one is due, or one of the
wrong type: Problem `invalid`.
"""
