-- A record closed to somebody is looked for in each of the thousand that a professional may open: those that are
-- closed stand by themselves, few beside the rights.
create index grants_denied on grants (pat, actor) where deny;
