-- Removing an integration looks its assets' other sources up by key, whatever the planner believes of tables that nobody has analysed
-- yet: with 100,000 devices stored a minute ago it took them for a few, and compared each with each.
alter function msphub_integration_removed()
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off
    set enable_bitmapscan = off;
