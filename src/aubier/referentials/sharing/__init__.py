"""Sharing: who may see a record, why, until when; and how to take it back.

A professional who found a person states a care relationship; the holder shares, removes, blocks, masks.
Every right is a Consent that anyone concerned can read, and a grant that the store applies, written
in one transaction: revocation is immediate.
Rules: order of 26 Oct 2023 (access matrix of the DMP), CSP L1110-4 and L1111-17; RGPD art. 7(3).
Does not: emergency access, legal protection files, the transitions of minors (see docs/honesty.md).
"""

from aubier.referentials.sharing.service import SERVICE

__all__ = ["SERVICE"]
