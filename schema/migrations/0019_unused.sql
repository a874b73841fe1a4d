-- What nothing uses any more: the policies of 0001 to 0009 and 0016 (0018 has exchanged the last of them), and an index of sessions. Those
-- that are over are found by their end or by their last use, which only a scan can do; an index on the last use would be written with each.
drop function msphub_tenant_visible(bigint);
drop index sessions_by_end;
