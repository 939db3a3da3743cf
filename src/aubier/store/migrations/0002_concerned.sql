-- Whom a resource of several patients concerns, and in which versions.
alter table stub
  add about boolean not null default true,  -- it is about this patient; otherwise it names them (who measured, who is told)
  add until_ver int;                        -- the last version that named this patient; none while it still does
