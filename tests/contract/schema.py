"""The shape of a database: what must be alike in one that was upgraded and in one made today."""

from collections.abc import Sequence

import asyncpg

from aubier.app import migrations
from aubier.ground.rows import Migration
from aubier.store.opening.upgrade import own_steps, upgrade
from aubier.store.pool import Connection

_PARTS = (
    "select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,"
    " a.attstorage, coalesce(l.collname, ''), coalesce(pg_get_expr(d.adbin, d.adrelid), '')"
    " from pg_attribute a join pg_class c on c.oid = a.attrelid"
    " left join pg_collation l on l.oid = a.attcollation"
    " left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum"
    " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and a.attnum > 0"
    " and not a.attisdropped",
    "select tablename, indexname, indexdef from pg_indexes where schemaname = 'public'",
    "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
    " where connamespace = 'public'::regnamespace",
    "select sequencename, data_type::text, increment_by, cycle from pg_sequences where schemaname = 'public'",
    "select room, number, digest from migration",
)


def every_step() -> dict[str, Sequence[Migration]]:
    """The steps of the store and of every room."""
    return {**own_steps(), **migrations()}


async def shape(dsn: str) -> list[list[tuple[object, ...]]]:
    """Columns, indexes, constraints, sequences and steps taken of a database, in order of their names."""
    conn = await asyncpg.connect(dsn)
    try:
        return [sorted(tuple(row) for row in await conn.fetch(sql)) for sql in _PARTS]
    finally:
        await conn.close()


async def shape_of_today(empty: str) -> list[list[tuple[object, ...]]]:
    """The same of the empty database `empty`, once this release has made its tables there."""
    conn: Connection = await asyncpg.connect(empty)
    try:
        await upgrade(conn, every_step())
    finally:
        await conn.close()
    return await shape(empty)
