-- What `msphub migrate` keeps of itself.

-- name: applied
-- In order. Gives: version, sha256.
select version, sha256 from schema_migrations order by version;
