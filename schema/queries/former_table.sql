-- A table of a former system, whose columns nobody knows for sure.

-- name: columns
-- $1 the table as SQL names it, with or without its schema. Gives (the table's name in quotes, column, type); no row when there is none.
select format('%I.%I', n.nspname, c.relname), a.attname, format_type(a.atttypid, a.atttypmod)
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
where c.oid = to_regclass($1::text) and a.attnum > 0 and not a.attisdropped
order by a.attnum;

-- name: open_bytes
-- The bytes under pgcrypto's encryption. $1 message, $2 passphrase.
select pgp_sym_decrypt_bytea($1::bytea, $2::text);

-- name: open_armored
-- The same of an armored message. $1 message, $2 passphrase.
select pgp_sym_decrypt_bytea(dearmor($1::text), $2::text);
