"""The locks of one database: tests share a server, and `pg_locks` tells of all its databases."""

OURS = "pg_locks where database = (select oid from pg_database where datname = current_database())"
