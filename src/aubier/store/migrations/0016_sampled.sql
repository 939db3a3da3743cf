-- Statistics of a table make the values of its indexes for each row they look at: of words, its text would be stemmed
-- for 300,000 rows. How many have a word is not what such a search is planned by.
alter index res_words alter column 1 set statistics 0;
alter index res_narrative alter column 1 set statistics 0;
alter index dir_res_words alter column 1 set statistics 0;
alter index dir_res_narrative alter column 1 set statistics 0;
