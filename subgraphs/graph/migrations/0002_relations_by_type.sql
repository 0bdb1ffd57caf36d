-- Which types of relations a tenant has, and how many of each: for `facets`, and for telling that a type is unknown.
CREATE INDEX relations_by_type ON relations (tenant_id, type);
