-- Tables that were made with the policy of 0001 get the one of 0010, whose setting is read once a statement.
do $$ begin
    perform msphub_protect(format('%I.%I', schemaname, tablename)::regclass)
    from pg_policies where schemaname = current_schema() and policyname = 'tenant' and qual like 'msphub_tenant_visible%';
end $$;

-- As 0013 had it, and for columns that are called sealed.
create or replace function msphub_export_row(r jsonb) returns jsonb language sql immutable parallel safe as $$
    select jsonb_object_agg(k, case when k ~ '(secret|password|token|hash|totp|hook|sealed)' and k !~ '_(at|until|step|owner|on)$'
                                         and jsonb_typeof(v) = 'string' then '"***"'
                                    else msphub_audit_masked(v) end)
    from jsonb_each(r) as e(k, v)
$$;
