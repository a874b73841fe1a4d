-- More parts of a device: the product's verdict on its health, its checks, custom fields, management, security, assignment.

-- Numbers as in enum facet (include/msphub/record.h).
create or replace function msphub_facet_name(facet smallint) returns text language sql immutable parallel safe as $$
    select (array['os', 'system', 'processors', 'volumes', 'interfaces', 'antivirus', 'last_user', 'health', 'checks',
                  'custom_fields', 'management', 'security', 'assignment'])[facet + 1]
$$;
