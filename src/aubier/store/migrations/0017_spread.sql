-- What is spread is found by both of its ends: what has no end, and what has two, as a Range. Values that are one
-- number lie amid what their digits allow.
create index num_spread on num (param) where low + high <> 2 * val;
drop index num_open;
create index dir_num_spread on dir_num (param) where low + high <> 2 * val;
drop index dir_num_open;
