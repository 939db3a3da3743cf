-- Full text: what a resource says in words, folded (no case, no accents). One row for each that says something.
-- The stems of both languages are kept together: a question is asked in either.
create table words (narrative text not null, rest text not null, rid bigint not null, pat bigint not null);
create index words_rid on words (rid);
create index words_narrative on words using gin ((to_tsvector('pg_catalog.french', narrative)
  || to_tsvector('pg_catalog.english', narrative))) where narrative <> '';
create index words_all on words using gin ((to_tsvector('pg_catalog.french', narrative)
  || to_tsvector('pg_catalog.english', narrative) || to_tsvector('pg_catalog.french', rest)
  || to_tsvector('pg_catalog.english', rest)));

create table dir_words (narrative text not null, rest text not null, rid bigint not null, pat bigint not null);
create index dir_words_rid on dir_words (rid);
create index dir_words_narrative on dir_words using gin ((to_tsvector('pg_catalog.french', narrative)
  || to_tsvector('pg_catalog.english', narrative))) where narrative <> '';
create index dir_words_all on dir_words using gin ((to_tsvector('pg_catalog.french', narrative)
  || to_tsvector('pg_catalog.english', narrative) || to_tsvector('pg_catalog.french', rest)
  || to_tsvector('pg_catalog.english', rest)));
