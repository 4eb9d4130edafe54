-- Version 6: a tenant's newest calls are found without a look at those of others.
CREATE INDEX call_by_tenant ON call (tenant, started_ms DESC, id DESC);
