"""Identity: who a person is, how sure we are of it, and the INS number that only a sure identity carries.

For every room that meets a patient, through `api`. Rules: RNIV 1 v2.0 (Dec 2024), FR Core 2.2.0 (Patient
INS), NIR. Invented identities only, under the test and demonstration authorities; INSi's own contract is not
public, so `$ins-search` and `$ins-verify` are an open equivalent. Does not merge duplicates yet.
"""

from aubier.referentials.identity.service import SERVICE

__all__ = ["SERVICE"]
