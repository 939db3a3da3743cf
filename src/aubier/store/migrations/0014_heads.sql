-- How the bytes of a version begin is told by its row: what is packed without has the number of its dictionary below
-- zero (packing/codec.py). What was packed whole is read as before; a program of before must not open this database.
comment on column res.dict is 'below zero where raw is without its head';
comment on column hist.dict is 'below zero where raw is without its head';
comment on column dir_res.dict is 'below zero where raw is without its head';
comment on column dir_hist.dict is 'below zero where raw is without its head';
