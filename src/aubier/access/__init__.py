"""Floor 5: who may do what, and the only way to the store.

A room gets a `Context` whose `store` is a `View` bound to the actor: every way out carries one
predicate over exact labels and grants, every answer leaves an audit line in its own transaction.
Deny by default; invisible is absent. Rooms bring policies as rows; no room filters afterwards.
"""
