-- The store: one row per resource in its compartment, postings beside (docs/design/store.md).
-- Every key of a record table holds pat, so that the tables can be distributed by it.
-- res, hist, post, ident, ref, str, dat, num: the record. dir_*: resources of no patient.

create table store_meta (key text primary key, value text not null);
create sequence number_block;     -- blocks of 1,000 compartment and row numbers, handed out by the application

create table id_map (
  type smallint not null, id text collate "C" not null, pat bigint not null, rid bigint not null,
  was bigint[] not null default '{}',      -- compartments the resource was in before it moved
  primary key (type, id));
create table stub (pat bigint not null, home bigint not null, rid bigint not null, primary key (pat, home, rid));
create index stub_home on stub (home, rid);

create table grants (
  pat bigint not null, gid bigint generated always as identity, actor text collate "C" not null,
  basis text not null, rights text not null default 'r',
  scope text[] collate "C" not null default '{}', withheld text[] collate "C" not null default '{}',
  since bigint not null, till bigint not null, deny boolean not null default false,
  reason text not null default '', origin text not null default '', made bigint not null,
  primary key (pat, gid));
create index grants_actor on grants (actor, pat);

create table audit (
  pat bigint not null, aid bigint generated always as identity, at bigint not null,
  actor text not null, name text not null, org text not null, client text not null, purpose text not null,
  basis text not null, action text not null, what text not null, hits int not null, outcome text not null,
  primary key (pat, aid));
create index audit_at on audit (at);

create table outbox (
  no bigint generated always as identity primary key, tx xid8 not null default pg_current_xact_id(),
  consumer text not null, pat bigint not null, type smallint not null, id text not null, ver int not null,
  op smallint not null, tries int not null default 0, next_at bigint not null default 0,
  dead boolean not null default false, error text not null default '');
create index outbox_lane on outbox (consumer, pat, no) where not dead;

create table claim (key text collate "C" primary key, holder text not null, till bigint not null);

create table res (
  pat bigint not null, rid bigint not null, type smallint not null, ver int not null, op smallint not null,
  id text collate "C" not null,
  seq bigint not null,            -- commit order, microseconds; ignores the sandbox clock
  upd bigint not null,            -- meta.lastUpdated, milliseconds
  lo bigint not null, hi bigint not null,  -- primary clinical date, milliseconds; below year 1 when there is none
  terms bigint[] not null,        -- every keyed hash: filters inside a patient's slice
  labels text[] collate "C" not null,      -- exact labels that access decides on
  dict smallint not null, raw bytea not null,
  primary key (pat, rid));
alter table res alter column raw set storage external;
create index res_slice on res (pat, type, lo desc, rid);
create index res_type on res (type, lo desc, rid);
create index res_seq on res (type, seq, rid);

create table hist (
  pat bigint not null, rid bigint not null, ver int not null, type smallint not null, op smallint not null,
  id text collate "C" not null, seq bigint not null, upd bigint not null,
  labels text[] collate "C" not null, dict smallint not null, raw bytea not null,
  primary key (pat, rid, ver));
alter table hist alter column raw set storage external;
create index hist_seq on hist (type, seq, rid);
create index hist_pat on hist (pat, seq);

create table post (term bigint not null, k bigint not null, rid bigint not null, pat bigint not null,
  primary key (term, k, rid, pat));
create table ident (param bigint not null, value text collate "C" not null, system text collate "C" not null,
  rid bigint not null, pat bigint not null, primary key (param, value, system, rid, pat));
create table ref (param bigint not null, target text collate "C" not null, rid bigint not null, pat bigint not null,
  primary key (param, target, rid, pat));
create index ref_rid on ref (rid, param);
create table str (param bigint not null, norm text collate "C" not null, exact text collate "C" not null,
  rid bigint not null, pat bigint not null, primary key (param, norm, exact, rid, pat));
create index str_rid on str (rid, param);
create table dat (param bigint not null, lo bigint not null, hi bigint not null, rid bigint not null,
  pat bigint not null, primary key (param, lo, hi, rid, pat));
create index dat_rid on dat (rid, param);
create table num (param bigint not null, val numeric not null, low numeric not null, high numeric not null,
  usystem text collate "C" not null, ucode text collate "C" not null, rid bigint not null, pat bigint not null,
  primary key (param, val, low, high, usystem, ucode, rid, pat));
create index num_rid on num (rid, param);

create table dir_res (
  pat bigint not null, rid bigint not null, type smallint not null, ver int not null, op smallint not null,
  id text collate "C" not null,
  seq bigint not null,            -- commit order, microseconds; ignores the sandbox clock
  upd bigint not null,            -- meta.lastUpdated, milliseconds
  lo bigint not null, hi bigint not null,  -- primary clinical date, milliseconds; below year 1 when there is none
  terms bigint[] not null,        -- every keyed hash: filters inside a patient's slice
  labels text[] collate "C" not null,      -- exact labels that access decides on
  dict smallint not null, raw bytea not null,
  primary key (pat, rid));
alter table dir_res alter column raw set storage external;
create index dir_res_slice on dir_res (pat, type, lo desc, rid);
create index dir_res_type on dir_res (type, lo desc, rid);
create index dir_res_seq on dir_res (type, seq, rid);

create table dir_hist (
  pat bigint not null, rid bigint not null, ver int not null, type smallint not null, op smallint not null,
  id text collate "C" not null, seq bigint not null, upd bigint not null,
  labels text[] collate "C" not null, dict smallint not null, raw bytea not null,
  primary key (pat, rid, ver));
alter table dir_hist alter column raw set storage external;
create index dir_hist_seq on dir_hist (type, seq, rid);
create index dir_hist_pat on dir_hist (pat, seq);

create table dir_post (term bigint not null, k bigint not null, rid bigint not null, pat bigint not null,
  primary key (term, k, rid, pat));
create table dir_ident (param bigint not null, value text collate "C" not null, system text collate "C" not null,
  rid bigint not null, pat bigint not null, primary key (param, value, system, rid, pat));
create table dir_ref (param bigint not null, target text collate "C" not null, rid bigint not null, pat bigint not null,
  primary key (param, target, rid, pat));
create index dir_ref_rid on dir_ref (rid, param);
create table dir_str (param bigint not null, norm text collate "C" not null, exact text collate "C" not null,
  rid bigint not null, pat bigint not null, primary key (param, norm, exact, rid, pat));
create index dir_str_rid on dir_str (rid, param);
create table dir_dat (param bigint not null, lo bigint not null, hi bigint not null, rid bigint not null,
  pat bigint not null, primary key (param, lo, hi, rid, pat));
create index dir_dat_rid on dir_dat (rid, param);
create table dir_num (param bigint not null, val numeric not null, low numeric not null, high numeric not null,
  usystem text collate "C" not null, ucode text collate "C" not null, rid bigint not null, pat bigint not null,
  primary key (param, val, low, high, usystem, ucode, rid, pat));
create index dir_num_rid on dir_num (rid, param);
