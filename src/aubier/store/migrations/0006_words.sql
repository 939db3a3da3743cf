-- Little waits to be merged into the indexes of words either: what waits is read by every question, and they stay smaller.
alter index words_narrative set (gin_pending_list_limit = 256);
alter index words_all set (gin_pending_list_limit = 256);
alter index dir_words_narrative set (gin_pending_list_limit = 256);
alter index dir_words_all set (gin_pending_list_limit = 256);
