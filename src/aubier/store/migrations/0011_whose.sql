-- Whose record a row is in is told by the index that a population is read along: who may open a few of many records
-- leaves the others out without reading their rows.
drop index res_type;
create index res_type on res (type, lo desc, rid) include (pat);
