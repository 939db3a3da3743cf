-- Codes are found by the terms of their row; posted are those alone by which a population is asked. Which parameters
-- have a value is a bit each. Of the index of terms little waits to be merged: what waits is read by every question.
-- The index rows of what is stored are made again when the store is opened.
truncate post;
alter table res add has bigint not null default 0;  -- which search parameters have a value
alter table res alter column terms set statistics 1000;  -- how rare a code is decides how it is looked for
create index res_terms on res using gin (terms) with (gin_pending_list_limit = 256);

truncate dir_post;
alter table dir_res add has bigint not null default 0;
alter table dir_res alter column terms set statistics 1000;
create index dir_res_terms on dir_res using gin (terms) with (gin_pending_list_limit = 256);
