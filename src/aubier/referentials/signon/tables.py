"""The tables of sign-on and every statement on them.

What opens a door is kept as a digest only: cookies, codes, refresh tokens, client secrets.
"""

# ruff: noqa: S608 (the only things interpolated are the column lists of this file)
from __future__ import annotations

from aubier.ground.rows import Migration, Statement

MIGRATIONS = (
    Migration(
        1,
        "signon: accounts, clients, sessions, grants",
        """
CREATE TABLE signon_key (
  kid text PRIMARY KEY, private text NOT NULL, public text NOT NULL,
  created_at timestamptz NOT NULL, retired_at timestamptz);
CREATE TABLE signon_account (
  login text PRIMARY KEY, kind text NOT NULL CHECK (kind IN ('citizen', 'professional', 'system')),
  subject text NOT NULL UNIQUE, name text NOT NULL, given text NOT NULL DEFAULT '',
  family text NOT NULL DEFAULT '', reference text NOT NULL DEFAULT '',
  national_id text NOT NULL DEFAULT '', profession text NOT NULL DEFAULT '',
  organization text NOT NULL DEFAULT '', organization_name text NOT NULL DEFAULT '',
  story text NOT NULL DEFAULT '', about_fr text NOT NULL DEFAULT '', about_en text NOT NULL DEFAULT '',
  hint text NOT NULL DEFAULT '', details text NOT NULL DEFAULT '{}', password text NOT NULL DEFAULT '',
  active boolean NOT NULL DEFAULT true);
CREATE INDEX signon_account_story ON signon_account (story, login) WHERE story <> '';
CREATE TABLE signon_client (
  id text PRIMARY KEY, name text NOT NULL, secret text NOT NULL DEFAULT '', jwks text NOT NULL DEFAULT '',
  redirects text[] NOT NULL, after_logout text[] NOT NULL, scope text NOT NULL,
  created_at timestamptz NOT NULL);
CREATE TABLE signon_session (
  sid text PRIMARY KEY, cookie text NOT NULL UNIQUE, login text NOT NULL, acr text NOT NULL,
  opened_at timestamptz NOT NULL, seen_at timestamptz NOT NULL, expires_at timestamptz NOT NULL,
  closed_at timestamptz);
CREATE INDEX signon_session_login ON signon_session (login, opened_at);
CREATE TABLE signon_grant (
  gid text PRIMARY KEY, sid text NOT NULL, login text NOT NULL, client text NOT NULL, realm text NOT NULL,
  scope text NOT NULL, nonce text NOT NULL, acr text NOT NULL, auth_time timestamptz NOT NULL,
  redirect_uri text NOT NULL, challenge text NOT NULL, code text UNIQUE, code_until timestamptz,
  code_used_at timestamptz, created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL,
  offline boolean NOT NULL, revoked_at timestamptz);
CREATE INDEX signon_grant_sid ON signon_grant (sid);
CREATE INDEX signon_grant_crowd ON signon_grant (client, login, created_at);
CREATE INDEX signon_grant_end ON signon_grant (expires_at);
CREATE TABLE signon_refresh (
  token text PRIMARY KEY, gid text NOT NULL, issued_at timestamptz NOT NULL, expires_at timestamptz NOT NULL,
  used_at timestamptz);
CREATE INDEX signon_refresh_end ON signon_refresh (expires_at);
CREATE TABLE signon_assertion (
  client text NOT NULL, jti text NOT NULL, expires_at timestamptz NOT NULL, PRIMARY KEY (client, jti));
CREATE TABLE signon_try (what text PRIMARY KEY, since timestamptz NOT NULL, tries integer NOT NULL);
""",
    ),
    Migration(
        2,
        "signon: what a person let an application do",
        """
ALTER TABLE signon_client ADD COLUMN first_party boolean NOT NULL DEFAULT false;
CREATE TABLE signon_consent (
  login text NOT NULL, client text NOT NULL, scope text[] NOT NULL, given_at timestamptz NOT NULL,
  PRIMARY KEY (login, client));
CREATE INDEX signon_consent_client ON signon_consent (client);
""",
    ),
    Migration(
        3,
        "signon: keys of applications at the doors",
        """
CREATE TABLE signon_door_key (
  digest text PRIMARY KEY, client text NOT NULL, door text NOT NULL, created_at timestamptz NOT NULL);
CREATE INDEX signon_door_key_client ON signon_door_key (client);
""",
    ),
    Migration(
        4,
        "signon: every change of what a token stands on leaves its mark",
        """
CREATE TRIGGER moved AFTER UPDATE ON signon_key
  FOR EACH ROW EXECUTE FUNCTION standing_moved('key', 'kid');
CREATE TRIGGER moved AFTER UPDATE OF gid, sid, login, client, realm, scope, expires_at, offline, revoked_at
  ON signon_grant FOR EACH ROW EXECUTE FUNCTION standing_moved('grant', 'gid');
CREATE TRIGGER moved AFTER UPDATE OF sid, closed_at, expires_at ON signon_session
  FOR EACH ROW EXECUTE FUNCTION standing_moved('session', 'sid');
CREATE TRIGGER moved AFTER UPDATE ON signon_account
  FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION standing_moved('account', 'login');
CREATE TRIGGER moved AFTER UPDATE ON signon_client
  FOR EACH ROW EXECUTE FUNCTION standing_moved('client', 'id');
CREATE TRIGGER gone AFTER DELETE ON signon_key REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION standing_gone('key', 'kid');
CREATE TRIGGER gone AFTER DELETE ON signon_grant REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION standing_gone('grant', 'gid');
CREATE TRIGGER gone AFTER DELETE ON signon_session REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION standing_gone('session', 'sid');
CREATE TRIGGER gone AFTER DELETE ON signon_account REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION standing_gone('account', 'login');
CREATE TRIGGER gone AFTER DELETE ON signon_client REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION standing_gone('client', 'id');
CREATE TRIGGER emptied AFTER TRUNCATE ON signon_key EXECUTE FUNCTION standing_emptied();
CREATE TRIGGER emptied AFTER TRUNCATE ON signon_grant EXECUTE FUNCTION standing_emptied();
CREATE TRIGGER emptied AFTER TRUNCATE ON signon_session EXECUTE FUNCTION standing_emptied();
CREATE TRIGGER emptied AFTER TRUNCATE ON signon_account EXECUTE FUNCTION standing_emptied();
CREATE TRIGGER emptied AFTER TRUNCATE ON signon_client EXECUTE FUNCTION standing_emptied();
""",
    ),
)

_ACCOUNT = """login, kind, subject, name, given, family, reference, national_id, profession, organization,
  organization_name, story, about_fr, about_en, hint, details, password, active"""
_A = ", ".join(f"a.{column.strip()}" for column in _ACCOUNT.split(","))

_KEYS = (
    Statement(
        "signon.signing_key",
        "SELECT kid, private FROM signon_key WHERE retired_at IS NULL ORDER BY created_at DESC, kid LIMIT 1",
        "The key that signs now",
    ),
    Statement(
        "signon.add_key",
        """WITH old AS (UPDATE signon_key SET retired_at = $4 WHERE retired_at IS NULL)
INSERT INTO signon_key (kid, private, public, created_at) VALUES ($1, $2, $3, $4) RETURNING kid, private""",
        "A new signing key; the others retire",
    ),
    Statement(
        "signon.public_keys",
        """SELECT kid, public FROM signon_key WHERE retired_at IS NULL OR retired_at > $1
ORDER BY created_at DESC, kid""",
        "The keys that still verify",
    ),
)

_ACCOUNTS = (
    Statement(
        "signon.put_account",
        f"""INSERT INTO signon_account ({_ACCOUNT})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, true)
ON CONFLICT (login) DO UPDATE SET kind = $2, name = $4, given = $5, family = $6, reference = $7,
  national_id = $8, profession = $9, organization = $10, organization_name = $11, story = $12,
  about_fr = $13, about_en = $14, hint = $15, details = $16,
  password = CASE WHEN $17 = '' THEN signon_account.password ELSE $17 END, active = true
RETURNING {_ACCOUNT}""",
        "An account, new or replaced; its subject never changes",
    ),
    Statement("signon.account", f"SELECT {_ACCOUNT} FROM signon_account WHERE login = $1", "One account"),
    Statement(
        "signon.accounts",
        f"""SELECT {_ACCOUNT} FROM signon_account
WHERE active AND kind = ANY($1::text[]) AND (story <> '' OR about_fr <> '' OR NOT $2::boolean)
ORDER BY kind, story = '', story, login LIMIT $3""",
        "Who can sign in",
    ),
    Statement(
        "signon.close_account",
        """WITH shut AS (UPDATE signon_session SET closed_at = $2 WHERE login = $1 AND closed_at IS NULL),
gone AS (UPDATE signon_grant SET revoked_at = $2 WHERE login = $1 AND revoked_at IS NULL),
told AS (DELETE FROM signon_consent WHERE login = $1)
UPDATE signon_account SET active = false WHERE login = $1 RETURNING login""",
        "An account that can no longer sign in; its sessions and tokens end",
    ),
)

_CLIENT = "id, name, secret, jwks, redirects, after_logout, scope, first_party"
_CLIENTS = (
    Statement(
        "signon.add_client",
        f"""INSERT INTO signon_client ({_CLIENT}, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (id) DO NOTHING RETURNING {_CLIENT}""",
        "A registered application",
    ),
    Statement("signon.client", f"SELECT {_CLIENT} FROM signon_client WHERE id = $1", "One application"),
    Statement(
        "signon.clients",
        f"SELECT {_CLIENT} FROM signon_client ORDER BY name, id LIMIT $1",
        "The registered applications",
    ),
    Statement(
        "signon.add_door_key",
        """INSERT INTO signon_door_key (digest, client, door, created_at)
SELECT $1, c.id, $3, $4 FROM signon_client c WHERE c.id = $2 RETURNING client""",
        "A key of an application at a door; nothing when there is no such application",
    ),
    Statement(
        "signon.door_key",
        """SELECT k.digest, k.door, c.id, c.name FROM signon_door_key k
JOIN signon_client c ON c.id = k.client WHERE k.digest = $1""",
        "The application that a key belongs to",
    ),
    Statement(
        "signon.remove_client",
        """WITH shut AS (DELETE FROM signon_door_key WHERE client = $1),
gone AS (UPDATE signon_grant SET revoked_at = $2 WHERE client = $1 AND revoked_at IS NULL),
told AS (DELETE FROM signon_consent WHERE client = $1)
DELETE FROM signon_client WHERE id = $1 RETURNING id""",
        "An application removed; its tokens end",
    ),
    Statement(
        "signon.use_assertion",
        """INSERT INTO signon_assertion (client, jti, expires_at) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING RETURNING jti""",
        "A client assertion used for the first time; no row for a second use",
    ),
)

_CONSENTS = (
    Statement(
        "signon.let",
        """INSERT INTO signon_consent (login, client, scope, given_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (login, client) DO UPDATE SET given_at = $4,
  scope = ARRAY(SELECT DISTINCT unnest(signon_consent.scope || $3) ORDER BY 1)
RETURNING scope""",
        "A person lets an application do this, beside what they let it do before",
    ),
    Statement(
        "signon.lets",
        "SELECT 1 AS found FROM signon_consent WHERE login = $1 AND client = $2 AND scope @> $3::text[]",
        "Whether a person lets an application do all this",
    ),
    Statement(
        "signon.consents",
        """SELECT t.client, c.name, t.scope, t.given_at FROM signon_consent t
JOIN signon_client c ON c.id = t.client WHERE t.login = $1 ORDER BY c.name, t.client LIMIT 1000""",
        "What a person lets applications do",
    ),
    Statement(
        "signon.withdraw",
        """WITH gone AS (UPDATE signon_grant SET revoked_at = $3
  WHERE login = $1 AND client = $2 AND revoked_at IS NULL)
DELETE FROM signon_consent WHERE login = $1 AND client = $2 RETURNING client""",
        "An application may do nothing more for a person: its tokens end",
    ),
)

_SESSIONS = (
    Statement(
        "signon.open_session",
        """WITH crowd AS (SELECT sid FROM signon_session WHERE login = $3 AND closed_at IS NULL
  ORDER BY opened_at DESC, sid OFFSET $7),
shut AS (UPDATE signon_session SET closed_at = $5 WHERE sid IN (SELECT sid FROM crowd)),
gone AS (UPDATE signon_grant SET revoked_at = $5
  WHERE sid IN (SELECT sid FROM crowd) AND revoked_at IS NULL AND NOT offline)
INSERT INTO signon_session (sid, cookie, login, acr, opened_at, seen_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $5, $6) RETURNING sid""",
        "A session opened; the oldest beyond the bound close",
    ),
    Statement(
        "signon.session",
        f"""SELECT s.sid, s.acr, s.opened_at, s.seen_at, s.expires_at, {_A} FROM signon_session s
JOIN signon_account a ON a.login = s.login AND a.active
WHERE s.cookie = $1 AND s.closed_at IS NULL AND s.expires_at > $2 AND s.seen_at > $3""",
        "The live session of a cookie, with its account",
    ),
    Statement("signon.see", "UPDATE signon_session SET seen_at = $2 WHERE sid = $1", "A session was used"),
    Statement(
        "signon.close_session",
        """WITH gone AS (UPDATE signon_grant SET revoked_at = $2
  WHERE sid = $1 AND sid <> '' AND revoked_at IS NULL AND NOT offline)
UPDATE signon_session SET closed_at = $2 WHERE sid = $1 AND closed_at IS NULL RETURNING sid""",
        "A session closed, with the tokens it gave",
    ),
    Statement(
        "signon.count_try",
        """INSERT INTO signon_try (what, since, tries) VALUES ($1, $2, 1)
ON CONFLICT (what) DO UPDATE SET
  tries = CASE WHEN signon_try.since < $3 THEN 1 ELSE signon_try.tries + 1 END,
  since = CASE WHEN signon_try.since < $3 THEN $2 ELSE signon_try.since END
RETURNING tries""",
        "One more guess",
    ),
    Statement(
        "signon.forget_tries",
        """WITH login AS (DELETE FROM signon_try WHERE what = $1)
UPDATE signon_try SET tries = tries - 1 WHERE what = $2 AND tries > 0""",
        "Guesses at a login forgotten, one of an address taken back",
    ),
)

_GRANT = """gid, sid, login, client, realm, scope, nonce, acr, auth_time, redirect_uri, challenge, code_until,
  created_at, expires_at, offline"""
_G = ", ".join(f"g.{column.strip()}" for column in _GRANT.split(","))

_GRANTS = (
    Statement(
        "signon.add_grant",
        f"""WITH crowd AS (SELECT gid FROM signon_grant WHERE client = $4 AND login = $3
  AND revoked_at IS NULL AND $3 <> '' ORDER BY created_at DESC, gid OFFSET $17),
gone AS (UPDATE signon_grant SET revoked_at = $14 WHERE gid IN (SELECT gid FROM crowd))
INSERT INTO signon_grant (gid, sid, login, client, realm, scope, nonce, acr, auth_time, redirect_uri,
  challenge, code, code_until, created_at, expires_at, offline)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) RETURNING {_GRANT}""",
        "Something granted to an application; the oldest beyond the bound are revoked",
    ),
    Statement(
        "signon.use_code",
        f"""UPDATE signon_grant SET code_used_at = $3
WHERE code = $1 AND client = $2 AND code_used_at IS NULL AND revoked_at IS NULL AND code_until > $3
RETURNING {_GRANT}""",
        "A code used for the first time",
    ),
    Statement(
        "signon.end_replayed",
        """UPDATE signon_grant SET revoked_at = $2 WHERE code = $1 AND code_used_at IS NOT NULL
  AND revoked_at IS NULL RETURNING gid""",
        "A code came twice: what it gave is revoked",
    ),
    Statement(
        "signon.revoke",
        "UPDATE signon_grant SET revoked_at = $2 WHERE gid = $1 AND revoked_at IS NULL RETURNING gid",
        "A grant revoked, with all its tokens",
    ),
    Statement(
        "signon.add_refresh",
        """INSERT INTO signon_refresh (token, gid, issued_at, expires_at) VALUES ($1, $2, $3, $4)
RETURNING gid""",
        "The first refresh token of a grant",
    ),
    Statement(
        "signon.refresh",
        f"""SELECT r.used_at, r.expires_at AS token_until, g.revoked_at, {_G},
  s.sid IS NOT NULL AS session_open
FROM signon_refresh r JOIN signon_grant g ON g.gid = r.gid
LEFT JOIN signon_session s ON s.sid = g.sid AND s.closed_at IS NULL AND s.expires_at > $2
WHERE r.token = $1""",
        "A refresh token and its grant",
    ),
    Statement(
        "signon.rotate",
        """WITH old AS (UPDATE signon_refresh SET used_at = $3 WHERE token = $1 AND used_at IS NULL
  RETURNING gid)
INSERT INTO signon_refresh (token, gid, issued_at, expires_at) SELECT $2, gid, $3, $4 FROM old
RETURNING gid""",
        "A refresh token exchanged for the next; no row when it was used already",
    ),
    Statement(
        "signon.bearer",
        f"""SELECT q.n, k.public, {_G}, g.revoked_at, s.sid IS NOT NULL AS session_open, a.active,
  c.name AS client_name, {_A.replace("a.login, ", "").replace(", a.active", "")},
  p.places, p.mark, least(g.expires_at, k.retired_at + (q.at - q.kept),
    CASE WHEN g.sid <> '' AND NOT g.offline THEN s.expires_at END) AS until
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) WITH ORDINALITY
  AS q(kid, gid, at, kept, n)
JOIN signon_key k ON k.kid = q.kid AND (k.retired_at IS NULL OR k.retired_at > q.kept)
LEFT JOIN signon_grant g ON g.gid = q.gid
LEFT JOIN signon_session s ON s.sid = g.sid AND s.closed_at IS NULL AND s.expires_at > q.at
LEFT JOIN signon_account a ON a.login = g.login
LEFT JOIN signon_client c ON c.id = g.client
CROSS JOIN LATERAL (SELECT l.places, (SELECT bit_xor(m.mark) FROM standing m WHERE m.place = ANY(l.places))
    AS mark
  FROM (SELECT ARRAY[standing_place('key:' || k.kid), standing_place('grant:' || q.gid),
    standing_place('session:' || coalesce(g.sid, '')), standing_place('account:' || coalesce(g.login, '')),
    standing_place('client:' || coalesce(g.client, ''))] AS places) l) p""",
        "All that an access token stands on, in one read",
        together=True,
    ),
    Statement(
        "signon.standing",
        f"""SELECT q.n, g.revoked_at IS NOT NULL AS revoked, c.name AS client_name,
  c.first_party OR EXISTS (SELECT 1 FROM signon_consent t WHERE t.login = q.login AND t.client = q.client)
    OR g.gid IS NOT NULL AS lets, {_A}
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS q(login, client, gid, n)
LEFT JOIN signon_grant g ON g.gid = q.gid
LEFT JOIN signon_account a ON a.login = q.login
LEFT JOIN signon_client c ON c.id = q.client""",
        "What is left of what an actor stood on",
        together=True,
    ),
)

_SWEEP = (
    *(
        Statement(
            f"signon.sweep_{table}", f"DELETE FROM signon_{table} WHERE {column} < $1", "Sweeps old rows"
        )
        for table, column in (
            ("session", "expires_at"),
            ("refresh", "expires_at"),
            ("assertion", "expires_at"),
            ("try", "since"),
            ("key", "retired_at"),
        )
    ),
    Statement(
        "signon.sweep_grant",
        # An application's own grants are one per token: they go as soon as they have ended.
        """DELETE FROM signon_grant
WHERE expires_at < $1 OR (login = '' AND expires_at < $1::timestamptz + interval '1 day')""",
        "Sweeps old grants",
    ),
)

_GATHER = Statement(
    "signon.gather",
    # Together they say the same as before; two that gather at once take different ones.
    """WITH many AS (SELECT place FROM standing GROUP BY place HAVING count(*) > 1),
gone AS (DELETE FROM standing s USING many m WHERE s.place = m.place RETURNING s.place, s.mark)
INSERT INTO standing (place, mark) SELECT place, bit_xor(mark) FROM gone GROUP BY place""",
    "One mark at each place, of the many that changes of what tokens stand on have left",
)

STATEMENTS = (_GATHER, *_KEYS, *_ACCOUNTS, *_CLIENTS, *_CONSENTS, *_SESSIONS, *_GRANTS, *_SWEEP)
"""Every statement of this room."""

SWEEPS = tuple(statement.name for statement in _SWEEP)
"""The statements the sweeping job runs, each with the instant before which rows go."""
