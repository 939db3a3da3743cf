"""The directory: professionals, their situations and structures, under their national identifiers.

Loads the three files of `PS_LibreAcces` (Annuaire Santé, extraction en libre accès), writes resources as
Annuaire Santé 1.2.0 does (public profiles), adds its search parameters, and checks IDNPS, IDNST, RPPS,
FINESS, SIREN and SIRET for every room through `api`. Its public data are an API of their own (`door`).
Does not publish mailboxes nor the care offer (ROR) yet.
"""

from aubier.referentials.directory.service import SERVICE

__all__ = ["SERVICE"]
