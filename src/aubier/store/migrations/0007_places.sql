-- A code of few records is looked for in each of them; what lasts longer than a month, apart from what does not:
-- so that a search by dates begins where its matches can begin.
create index post_pat on post (pat, term);
create index res_long on res (type, hi) where hi - lo > 2678400000;
create index dir_res_long on dir_res (type, hi) where hi - lo > 2678400000;
