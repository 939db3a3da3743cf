-- What a resource says in words stands in its row: no table beside, no second key. One text tells both languages apart
-- from nothing: it is stemmed once in each.
-- The index rows of what is stored are made again when the store is opened.
drop table words;
alter table res add narrative text not null default '', add rest text not null default '';
create index res_narrative on res using gin ((to_tsvector('pg_catalog.french', narrative)
  || to_tsvector('pg_catalog.english', narrative))) with (gin_pending_list_limit = 256) where narrative <> '';
create index res_words on res using gin ((to_tsvector('pg_catalog.french', narrative || ' ' || rest)
  || to_tsvector('pg_catalog.english', narrative || ' ' || rest))) with (gin_pending_list_limit = 256)
  where narrative <> '' or rest <> '';

drop table dir_words;
alter table dir_res add narrative text not null default '', add rest text not null default '';
create index dir_res_narrative on dir_res using gin ((to_tsvector('pg_catalog.french', narrative)
  || to_tsvector('pg_catalog.english', narrative))) with (gin_pending_list_limit = 256) where narrative <> '';
create index dir_res_words on dir_res using gin ((to_tsvector('pg_catalog.french', narrative || ' ' || rest)
  || to_tsvector('pg_catalog.english', narrative || ' ' || rest))) with (gin_pending_list_limit = 256)
  where narrative <> '' or rest <> '';

-- What a transaction writes has one commit mark: told apart by nothing else, a mark is kept once with its rows.
drop index res_seq;
create index res_seq on res (type, seq);
drop index dir_res_seq;
create index dir_res_seq on dir_res (type, seq);

-- Few resources ever move to another compartment.
alter table id_map alter was drop not null, alter was drop default;
update id_map set was = null where was = '{}';
