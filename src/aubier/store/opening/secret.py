"""The secret of the term hashes of a database."""

from __future__ import annotations

from aubier.store.pool import Connection


async def term_secret(conn: Connection) -> bytes:
    """The secret of term hashes: made once, kept with the data it keys."""
    value = await conn.fetchval(
        "with new as (insert into store_meta (key, value) values ('term_secret',"
        " replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')) on conflict do nothing"
        " returning value) select value from new union all"
        " select value from store_meta where key = 'term_secret'"
    )
    return bytes.fromhex(value)
