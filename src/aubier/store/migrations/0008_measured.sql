-- Beside a posted code stands the number of the measurement (search/terms/layout.py): a page of the high ones is found
-- while the codes are read. What has no upper or lower end is found by itself.
-- The index rows of what is stored are made again when the store is opened.
truncate post;
alter table post drop constraint post_pkey;
alter table post add v float8 not null;
alter table post add primary key (term, k, rid, pat, v);
create statistics res_span on (hi - lo) from res;  -- few last long: without, a third is expected
create index num_open on num (param) where high = 1E+100 or low = -1E+100;

truncate dir_post;
alter table dir_post drop constraint dir_post_pkey;
alter table dir_post add v float8 not null;
alter table dir_post add primary key (term, k, rid, pat, v);
create statistics dir_res_span on (hi - lo) from dir_res;
create index dir_num_open on dir_num (param) where high = 1E+100 or low = -1E+100;
