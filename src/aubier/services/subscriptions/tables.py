"""What is kept of subscriptions beside the resources: what each asks, its events, who is waited for.

An event row is written by one statement with its number, and marked by one when it is acknowledged: whoever
goes on after a process was killed goes on there, at least once. Every key begins with the subscription, by
which these tables can be distributed.
"""

# ruff: noqa: S608 (the only things interpolated are the column lists of this file)

from __future__ import annotations

from aubier.ground.rows import Migration, Statement, Stuck

DEMAND = "subscription_trigger"
"""The table whose column `type` says of which types changes are kept for this room."""

MIGRATIONS = (
    Migration(
        1,
        "subscriptions",
        """
create table subscription_state (
  id text collate "C" primary key, owner text not null, actor text not null,
  plan text not null, headers text[] not null,
  channel text not null, status text not null
    check (status in ('requested', 'active', 'error', 'refused', 'off')),
  told text not null default '', error text not null default '',
  events bigint not null default 0, ends bigint not null, beat bigint not null default 0,
  next_at bigint not null default 0, lease bigint not null default 0, tries int not null default 0,
  fails int not null default 0, bound text not null default '');
create index subscription_owner on subscription_state (owner);
create index subscription_call on subscription_state (next_at)
  where status in ('requested', 'active', 'error') or status <> told;
create table subscription_trigger (
  sub text collate "C" not null, no int not null, type smallint not null,
  patient text collate "C" not null, text text not null, primary key (sub, no));
create index subscription_trigger_type on subscription_trigger (type, patient);
create table subscription_event (
  sub text collate "C" not null, no bigint not null, pat bigint not null, type text not null,
  id text collate "C" not null, ver int not null, op text not null, at bigint not null,
  state text not null default 'waiting' check (state in ('waiting', 'sent', 'kept', 'dead', 'closed')),
  tries int not null default 0, error text not null default '', primary key (sub, no));
create unique index subscription_event_once on subscription_event (sub, type, id, ver);
create index subscription_event_lane on subscription_event (sub, pat, no) where state = 'waiting';
create index subscription_event_dead on subscription_event (sub, no) where state = 'dead';
create index subscription_event_at on subscription_event (at);
create table subscription_lane (
  sub text collate "C" not null, pat bigint not null, waiting int not null, tries int not null default 0,
  next_at bigint not null, lease bigint not null default 0, primary key (sub, pat));
create index subscription_lane_due on subscription_lane (sub, next_at) where waiting > 0;
create index subscription_lane_busy on subscription_lane (sub, lease) where lease > 0;
create table subscription_binding (
  token text primary key, subs text[] not null, actor text not null, till bigint not null);
""",
    ),
    Migration(
        2,
        "records that a citizen represents",
        """
alter table subscription_trigger add column holder text collate "C" not null default '';
create index subscription_trigger_holder on subscription_trigger (sub) where holder <> '';
""",
    ),
    Migration(
        3,
        "when each is due",
        """
alter table subscription_state add column asked bigint not null default 0;
alter table subscription_state add column busy boolean not null default true;
create index subscription_busy on subscription_state (next_at)
  where busy and status in ('active', 'error') and (channel <> 'websocket' or bound <> '');
drop index subscription_call;
create index subscription_due on subscription_state ((case when status <> told then 0
  when status = 'requested' then next_at when status not in ('active', 'error') then null
  when channel = 'websocket' and bound = '' then nullif(ends, 0)
  else least(nullif(ends, 0), nullif(beat, 0)) end));
""",
    ),
)

_DUE = (
    "case when s.status <> s.told then 0"
    " when s.status = 'requested' then s.next_at when s.status not in ('active', 'error') then null"
    " when s.channel = 'websocket' and s.bound = '' then nullif(s.ends, 0)"
    " else least(nullif(s.ends, 0), nullif(s.beat, 0)) end"
)
"""When something is to be done for a subscription (ms): a status said, a handshake, a heartbeat, its end. It
is what `subscription_due` holds, word for word: those that wait for nothing are not looked at.
"""

_STATE = (
    "s.id, s.actor, s.plan, s.headers, s.channel, s.status, s.error, s.events, s.ends, s.beat, s.tries,"
    " s.fails, s.bound, s.next_at, s.asked"
)
_BUSY = (
    "s.busy and s.status in ('active', 'error') and (s.channel <> 'websocket' or s.bound <> '')"
    " and s.next_at <= $1::bigint"
)
"""The subscriptions that may have lanes waiting, and are not left in peace (`subscription_busy`)."""
_LIVES = (
    "exists (select 1 from id_map m join res r on r.pat = m.pat and r.rid = m.rid"
    " where m.type = {type}::smallint and m.id = s.id)"
)
"""The Subscription itself is still there: a deletion counts from its own commit on."""


def _held(patient: str, holder: str, first: int) -> str:
    """A right to read a whole record, or a part of it, that is in force and was given for its holder's sake.

    `first` is the number of the placeholders: the type of Patient, the key of everybody, the moment.
    """
    in_force = f"g.since <= ${first + 2}::bigint and g.till > ${first + 2}::bigint"
    found = f"select 1 from grants g where g.pat = m.pat and {in_force}"
    return (
        f"exists (select 1 from id_map m where m.type = ${first}::smallint and m.id = {patient}"
        f" and exists ({found} and g.actor = {holder} and not g.deny and g.rights like '%r%'"
        " and g.basis not in ('author', 'creator'))"
        f" and not exists ({found} and g.actor in ({holder}, ${first + 1}) and g.deny and g.scope = '{{}}'))"
    )


_ASKING = (
    Statement(
        "subscriptions.put",
        "with t as (delete from subscription_trigger where sub = $1 and no >= cardinality($6::smallint[])),"
        " n as (insert into subscription_trigger (sub, no, type, patient, text, holder)"
        " select $1, u.n - 1, u.type, u.patient, u.text, u.holder"
        " from unnest($6::smallint[], $7::text[], $10::text[], $11::text[])"
        " with ordinality u(type, text, patient, holder, n) on conflict (sub, no) do update"
        " set type = excluded.type, patient = excluded.patient, text = excluded.text,"
        " holder = excluded.holder)"
        " insert into subscription_state as s (id, actor, plan, headers, channel, status, told, ends, owner)"
        " values ($1, $2, $3, $4, $5, 'requested', 'requested', $8::bigint, $9)"
        " on conflict (id) do update set actor = $2, plan = $3, headers = $4, channel = $5,"
        " status = 'requested', told = 'requested', error = '', ends = $8::bigint,"
        " next_at = 0, tries = 0, fails = 0, bound = '', lease = 0, asked = s.asked + 1",
        "What a subscription asks, from now on",
    ),
    Statement(
        "subscriptions.represented",
        f"select p.id from unnest($1::text[]) p(id) where {_held('p.id', '$2', 3)}",
        "Those of these patients on whose records one has a right now",
    ),
    Statement(
        "subscriptions.unheld",
        "select t.sub from subscription_trigger t where t.sub = $1 and t.holder <> ''"
        f" and not {_held('t.patient', 't.holder', 2)} limit 1",
        "A subscription one of whose records is represented by its subscriber no more",
    ),
    Statement(
        "subscriptions.all_unheld",
        "select distinct t.sub from subscription_trigger t where t.holder <> ''"
        f" and not {_held('t.patient', 't.holder', 1)}",
        "All such subscriptions",
    ),
    Statement("subscriptions.one", f"select {_STATE} from subscription_state s where s.id = $1", "One"),
    Statement(
        "subscriptions.these",
        f"select {_STATE}, exists (select from subscription_event d where d.sub = s.id and d.state = 'dead')"
        " as dead from subscription_state s where s.id = any($1::text[])",
        "These, and whether they have gaps",
    ),
    Statement(
        "subscriptions.some",
        f"select {_STATE} from subscription_state s where s.id = any($1::text[])"
        " and s.status in ('active', 'error') and (s.ends = 0 or s.ends > $2::bigint)",
        "Those of these that are to be told of events",
    ),
    Statement(
        "subscriptions.set",
        "with n as (update subscription_state s set status = $2, error = $3,"
        " told = case when $4 then $2 else s.told end,"
        " bound = case when $2 in ('off', 'refused') then '' else s.bound end, lease = 0,"
        " next_at = case when $2 = 'error' then s.next_at else 0 end,"
        " fails = case when $2 = 'active' then 0 else s.fails end where s.id = $1 and s.status <> 'off'"
        " and ($5::bigint < 0 or s.asked = $5::bigint) returning s.id),"
        " o as (select id from n where $2 in ('off', 'refused')),"
        " t as (delete from subscription_trigger t using o where t.sub = o.id),"
        " l as (delete from subscription_lane l using o where l.sub = o.id),"
        " e as (update subscription_event e set state = 'closed' from o where e.sub = o.id"
        " and e.state = 'waiting') select id from n",
        "A subscription changes its status; one that is off stays off until it is asked anew. What came of"
        " the asking numbered $5 says nothing of the next (below 0: whichever)",
    ),
    Statement(
        "subscriptions.told",
        "update subscription_state set told = $2 where id = $1",
        "The resource says the status",
    ),
    Statement(
        "subscriptions.forget",
        "with s as (delete from subscription_state s where s.id = $1"
        f" and not {_LIVES.format(type='$2')} returning s.id),"
        " t as (delete from subscription_trigger t using s where t.sub = s.id),"
        " e as (delete from subscription_event e using s where e.sub = s.id)"
        " delete from subscription_lane l using s where l.sub = s.id",
        "A subscription that was deleted",
    ),
)

_EVENTS = (
    Statement(
        "subscriptions.asked_of",
        "select t.text, array_agg(distinct t.sub) as subs from subscription_trigger t"
        " where t.type = $1::smallint and t.patient = any($2::text[]"
        " || array(select r.id from res r where r.pat = $3::bigint and r.type = $4::smallint))"
        " group by t.text order by t.text",
        "What is asked of changes that name these patients or are in this record, each once, and by whom",
    ),
    Statement(
        "subscriptions.add",
        "with s as (update subscription_state s set events = s.events + 1, busy = true"
        " where s.id = any($1::text[]) and s.status in ('active', 'error')"
        " and not exists (select 1 from subscription_event e where e.sub = s.id and e.type = $3"
        " and e.id = $4 and e.ver = $5::int) returning s.id, s.events),"
        " e as (insert into subscription_event (sub, no, pat, type, id, ver, op, at)"
        " select s.id, s.events, $2::bigint, $3, $4, $5::int, $6, $7::bigint from s)"
        " insert into subscription_lane as l (sub, pat, waiting, next_at)"
        " select s.id, $2::bigint, 1, $7::bigint from s order by s.id"
        " on conflict (sub, pat) do update set waiting = l.waiting + 1,"
        " next_at = case when l.waiting = 0 then excluded.next_at else l.next_at end returning l.sub",
        "An event, with its number, in its lane; nothing when it is there already",
    ),
    Statement(
        "subscriptions.claim",
        # Subscription by subscription, those that may have lanes waiting: never a look at all that waits. Few
        # lanes of one, fewer of one that fails, so that an endpoint which hangs leaves room for the others.
        "with subs as (select s.id, case when s.fails > 0 then 1 else $5::int end - (select count(*)"
        " from subscription_lane b where b.sub = s.id and b.lease > $1::bigint) as room"
        f" from subscription_state s where {_BUSY}"
        " and (s.channel <> 'websocket' or s.bound = any($3::text[]))),"
        " due as (select d.sub, d.pat from subs cross join lateral (select l.sub, l.pat, l.next_at"
        " from subscription_lane l where l.sub = subs.id and l.waiting > 0 and l.next_at <= $1::bigint"
        " and l.lease <= $1::bigint order by l.next_at limit greatest(subs.room, 0)"
        " for update of l skip locked) d"
        " order by d.next_at limit $2::int),"
        " took as (update subscription_lane l set lease = $4::bigint from due where l.sub = due.sub"
        " and l.pat = due.pat and l.lease <= $1::bigint and l.waiting > 0 returning l.sub, l.pat, l.tries)"
        f" select e.no, e.type, e.id as focus, e.ver, e.op, e.at, t.tries as tried, {_STATE},"
        f" {_LIVES.format(type='$6')} as lives from took t cross join lateral (select e.*"
        " from subscription_event e where e.sub = t.sub and e.pat = t.pat and e.state = 'waiting'"
        " order by e.no limit 1) e join subscription_state s on s.id = t.sub",
        "The first event of lanes that nobody serves, taken for a while",
    ),
    Statement(
        "subscriptions.rest",
        # Whoever adds an event counts it in the same row: where one was added meanwhile, it is left alone.
        # What others hold is passed by, so that nobody waits for this.
        "with idle as materialized (select s.id, s.events from subscription_state s where"
        f" {_BUSY} and not exists (select from subscription_lane l where l.sub = s.id and l.waiting > 0)"
        " limit 1000),"
        " held as (select s.id from subscription_state s join idle on idle.id = s.id"
        " and idle.events = s.events for update of s skip locked)"
        " update subscription_state s set busy = false from held where s.id = held.id",
        "Subscriptions in whose lanes nothing waits any more are not looked at until an event is added",
    ),
    Statement(
        "subscriptions.wake",
        "update subscription_state s set busy = true where not s.busy"
        " and exists (select from subscription_lane l where l.sub = s.id and l.waiting > 0)",
        "Should one sleep that has something waiting, it is woken",
    ),
    Statement(
        "subscriptions.sent",
        # What is kept back asks nothing of the endpoint, so it says nothing of how well that answers.
        "with s as (update subscription_state set beat = $5::bigint,"
        " fails = case when $4::text = 'sent' then 0 else fails end,"
        " next_at = case when $4::text = 'sent' then 0 else next_at end where id = $1 returning id),"
        " l as (update subscription_lane l set waiting = l.waiting - 1, tries = 0, lease = 0 from s"
        " where l.sub = s.id and l.lease = $3::bigint and l.pat = (select e.pat from subscription_event e"
        " where e.sub = $1 and e.no = $2::bigint and e.state = 'waiting') returning l.pat)"
        " update subscription_event e set state = $4::text, error = '' from l"
        " where e.sub = $1 and e.no = $2::bigint",
        "An event was acknowledged, or is not to be told",
    ),
    Statement(
        "subscriptions.failed",
        "with s as (update subscription_state s set fails = s.fails + $7::int,"
        " next_at = case when $7::int > 0 then $5::bigint else s.next_at end,"
        " error = case when $7::int > 0 then $4 else s.error end where s.id = $1 returning s.id, s.fails),"
        " l as (update subscription_lane l set lease = 0,"
        " tries = case when l.tries + 1 >= $6::int then 0 else l.tries + 1 end,"
        " waiting = case when l.tries + 1 >= $6::int then l.waiting - 1 else l.waiting end,"
        " next_at = case when l.tries + 1 >= $6::int then l.next_at else $5::bigint end from s"
        " where l.sub = s.id and l.lease = $3::bigint and l.pat = (select e.pat from subscription_event e"
        " where e.sub = $1 and e.no = $2::bigint and e.state = 'waiting') returning l.tries, s.fails)"
        " update subscription_event e set tries = e.tries + 1, error = $4,"
        " state = case when l.tries = 0 then 'dead' else 'waiting' end from l"
        " where e.sub = $1 and e.no = $2::bigint returning l.fails, e.state",
        "An event was not taken: it is tried again later, or kept as a dead letter",
    ),
    Statement(
        "subscriptions.release",
        "update subscription_lane set lease = 0 where sub = $1 and lease = $3::bigint"
        " and pat = (select e.pat from subscription_event e where e.sub = $1 and e.no = $2::bigint)",
        "An event that could not even be tried here",
    ),
    Statement(
        "subscriptions.gaps",
        "select g.first, g.last from (select min(e.no) as first, max(e.no) as last from (select d.no,"
        " d.no - row_number() over (order by d.no) as run from subscription_event d"
        " where d.sub = $1 and d.state = 'dead') e group by e.run) g order by g.first limit 20",
        "The events that could not be told, as spans of numbers",
    ),
    Statement(
        "subscriptions.events",
        "select no, type, id as focus, ver, op, at, state from subscription_event where sub = $1"
        " and no between $2::bigint and $3::bigint and state <> 'kept' order by no limit $4::int",
        "Events by their numbers",
    ),
    Statement(
        "subscriptions.close_gap",
        "update subscription_event set state = 'closed' where sub = $1 and state = 'dead'"
        " and no between $2::bigint and $3::bigint",
        "The subscriber has fetched what could not be told",
    ),
)

_CALLS = (
    Statement(
        "subscriptions.calls",
        f"with due as (select s.id from subscription_state s where {_DUE} <= $1::bigint"
        " and s.lease <= $1::bigint and (s.told <> s.status or s.next_at <= $1::bigint"
        " and (s.status = 'requested' or s.channel <> 'websocket' or s.bound = any($3::text[])"
        " or s.ends > 0 and s.ends <= $1::bigint))"
        f" order by {_DUE} limit $2::int for update of s skip locked)"
        " update subscription_state s set lease = $4::bigint from due where s.id = due.id"
        f" returning {_STATE}, s.told, {_LIVES.format(type='$5')} as lives",
        "Subscriptions that wait for a handshake, a heartbeat, their end, or to say their status",
    ),
    Statement(
        "subscriptions.called",
        "update subscription_state set tries = $3::int, next_at = $4::bigint, beat = $5::bigint, lease = 0,"
        " error = $6, fails = $7::int where id = $1 and lease = $2::bigint",
        "What came of a handshake or a heartbeat",
    ),
    Statement(
        "subscriptions.under_way",
        "select id, actor, asked from subscription_state where status in ('requested', 'active', 'error')"
        " and id > $1 order by id limit $2::int",
        "Subscriptions under way, and on whose behalf, after one of them",
    ),
    Statement(
        "subscriptions.of_owner",
        "select id from subscription_state where owner = $1 and id <> $2"
        " and status in ('requested', 'active', 'error')",
        "What else is told on behalf of one",
    ),
    Statement(
        "subscriptions.sweep",
        # So many at a time: what a statement may take is bounded, what was kept while nobody swept is not.
        "with b as (delete from subscription_binding where till <= $1::bigint),"
        " old as (select sub, no from subscription_event where at <= $2::bigint"
        " and (state <> 'waiting' or at <= $3::bigint) order by at limit $4::int),"
        " e as (delete from subscription_event d using old where d.sub = old.sub and d.no = old.no"
        " returning d.sub, d.pat, d.state),"
        " gone as (select sub, pat, count(*) filter (where state = 'waiting') as waited from e"
        " group by sub, pat),"
        " l as (update subscription_lane l set waiting = l.waiting - gone.waited from gone"
        " where gone.waited > 0 and l.sub = gone.sub and l.pat = gone.pat)"
        " select count(*) as n from e",
        "Delete what was told long ago, so many events at most",
    ),
    Statement(
        "subscriptions.sweep_lanes",
        "delete from subscription_lane where waiting <= 0 and next_at <= $1::bigint and lease = 0",
        "Delete the lanes in which nothing has waited for long",
    ),
)

_BINDINGS = (
    Statement(
        "subscriptions.bindable",
        "insert into subscription_binding (token, subs, actor, till) values ($1, $2::text[], $3, $4::bigint)",
        "A token that opens a socket, as its digest",
    ),
    Statement(
        "subscriptions.use_token",
        "delete from subscription_binding where token = $1 returning subs, actor, till",
        "A token, used: it goes",
    ),
    Statement(
        "subscriptions.bind",
        "update subscription_state s set bound = $2"
        " where s.id = any($1::text[]) and s.channel = 'websocket' and s.status in ('active', 'error')"
        f" and {_LIVES.format(type='$3')} returning {_STATE}",
        "A socket takes the notifications of these; one that had them has them no more",
    ),
    Statement(
        "subscriptions.unbind",
        "update subscription_state set bound = '' where bound = $1",
        "A socket is gone",
    ),
    Statement(
        "subscriptions.still_bound",
        "select distinct bound from subscription_state where bound = any($1::text[])",
        "The sockets that still have something to be told",
    ),
)

STATEMENTS = (*_ASKING, *_EVENTS, *_CALLS, *_BINDINGS)
"""Every statement of this room."""

STUCK = Stuck(
    Statement(
        "subscriptions.stuck",
        "select 'Subscription/' || e.sub as what, count(*) as n,"
        " (array_agg(e.error order by e.no desc))[1] as error from subscription_event e"
        " join subscription_state s on s.id = e.sub where e.state = 'dead' and $1::bigint > 0"
        " and s.status in ('active', 'error') group by e.sub order by e.sub limit 50",
        "Events that a subscriber did not take, after every try, and has not fetched",
    ),
    {
        "fr": "Événements que l'abonné de {what} n'a pas pris : {n} ({error})",
        "en": "Events that the subscriber of {what} did not take: {n} ({error})",
    },
    {
        "fr": "il les trouve par $events ; « aubier retry {what} » les lui renvoie",
        "en": "$events gives them to it; aubier retry {what} sends them again",
    },
    Statement(
        "subscriptions.again",
        "with e as (update subscription_event e set state = 'waiting', tries = 0 from subscription_state s"
        " where s.id = e.sub and s.status in ('active', 'error') and e.state = 'dead'"
        " and ($1 = '' or 'Subscription/' || e.sub = $1) returning e.sub, e.pat, e.no),"
        " s as (update subscription_state s set next_at = 0, fails = 0, busy = true from e"
        " where s.id = e.sub),"
        " l as (insert into subscription_lane as l (sub, pat, waiting, next_at)"
        " select e.sub, e.pat, count(*), 0 from e group by e.sub, e.pat order by e.sub, e.pat"
        " on conflict (sub, pat) do update set waiting = l.waiting + excluded.waiting, tries = 0,"
        " next_at = 0)"
        " select e.no from e",
        "Dead letters wait again, before what came after them in their lane",
    ),
)
"""Events that nobody took."""
