-- Integrations that a person connects in the browser, and webhooks that the hub registers in the product by itself.
alter table integration_configurations
    add column connected_at timestamptz,            -- null: nobody has, or it was disconnected
    add column connected_by text,
    add column webhook_registered_at timestamptz,   -- null: not by the hub
    add column webhook_registered_by text,
    add column webhook_registered_url text,
    add column webhook_registration_error text;     -- of the last try, when it failed
