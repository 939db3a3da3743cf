-- How many bear a name is told apart from how many are born on a day: a search by both begins with what is rarer.
alter table str alter column norm set statistics 1000;
