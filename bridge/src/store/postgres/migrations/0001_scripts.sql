-- Stored scripts, as in SQLite. Names and texts sort and compare by their bytes; texts may hold what TEXT refuses.
CREATE TABLE mayfly.script_tenants ( -- a row to lock: one tenant's writes happen one after another
    tenant TEXT COLLATE "C" PRIMARY KEY
);

CREATE TABLE mayfly.script_contents (
    tenant TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL,
    source_bytes BIGINT NOT NULL,
    main BYTEA NOT NULL,
    modules BYTEA NOT NULL, -- JSON: name to source
    PRIMARY KEY (tenant, digest)
);
CREATE INDEX script_contents_bytes ON mayfly.script_contents (tenant, source_bytes);

CREATE TABLE mayfly.script_versions (
    tenant TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    created_at_ms BIGINT NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    rollback_to BIGINT,
    PRIMARY KEY (tenant, name, version),
    FOREIGN KEY (tenant, digest) REFERENCES mayfly.script_contents (tenant, digest)
);
CREATE INDEX script_versions_digest ON mayfly.script_versions (tenant, digest);

CREATE TABLE mayfly.scripts (
    tenant TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    current BIGINT NOT NULL,
    PRIMARY KEY (tenant, name),
    FOREIGN KEY (tenant, name, current) REFERENCES mayfly.script_versions (tenant, name, version)
        DEFERRABLE INITIALLY DEFERRED
);
