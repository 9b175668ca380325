-- Stored scripts. Texts lie apart from versions: a rollback, or the same text again, refers to the one that is there.
-- `source_bytes` stands before the text, so that sums read no text.
CREATE TABLE script_contents (
    tenant TEXT NOT NULL,
    digest BLOB NOT NULL,
    source_bytes INTEGER NOT NULL,
    main TEXT NOT NULL,
    modules TEXT NOT NULL, -- JSON: name to source
    PRIMARY KEY (tenant, digest)
) STRICT;
CREATE INDEX script_contents_bytes ON script_contents (tenant, source_bytes);

CREATE TABLE script_versions (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    digest BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL,
    role TEXT NOT NULL,
    rollback_to INTEGER,
    PRIMARY KEY (tenant, name, version),
    FOREIGN KEY (tenant, digest) REFERENCES script_contents (tenant, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX script_versions_digest ON script_versions (tenant, digest);

CREATE TABLE scripts (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    current INTEGER NOT NULL,
    PRIMARY KEY (tenant, name),
    FOREIGN KEY (tenant, name, current) REFERENCES script_versions (tenant, name, version) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;
