-- Who asks again and again for what has changed since is answered without reading everything.
create index res_upd on res (type, upd);
create index dir_res_upd on dir_res (type, upd);
