-- The records that an actor may open are gathered for each search across records: from the index alone, and not from
-- the page of each right, of which there is one in each record.
create index grants_opened on grants (actor, pat) include (since, till, deny);
drop index grants_actor;
alter index grants_opened rename to grants_actor;
