-- Runs that left memory. Large columns stand last, so that what is told of a run reads nothing of them.
CREATE TABLE parked_runs (
    tenant TEXT NOT NULL,
    run TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    gone_at_ms INTEGER NOT NULL,
    engine TEXT NOT NULL,
    script TEXT NOT NULL,
    state INTEGER NOT NULL, -- 0 parked, 1 taken, 2 lost
    process TEXT NOT NULL, -- of a run that is taken: the process that has it (`holders.rs`), and its number there
    holder INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    head BLOB NOT NULL,
    rest BLOB NOT NULL,
    image BLOB NOT NULL,
    PRIMARY KEY (tenant, run)
) STRICT;
CREATE INDEX parked_runs_gone ON parked_runs (gone_at_ms);

-- How much a tenant keeps, without counting it each time.
CREATE TABLE parked_sums (
    tenant TEXT NOT NULL PRIMARY KEY,
    runs INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER parked_added AFTER INSERT ON parked_runs BEGIN
    INSERT INTO parked_sums VALUES (new.tenant, 1, new.bytes)
        ON CONFLICT (tenant) DO UPDATE SET runs = runs + 1, bytes = bytes + new.bytes;
END;
CREATE TRIGGER parked_changed AFTER UPDATE OF bytes ON parked_runs BEGIN
    UPDATE parked_sums SET bytes = bytes + new.bytes - old.bytes WHERE tenant = new.tenant;
END;
CREATE TRIGGER parked_removed AFTER DELETE ON parked_runs BEGIN
    UPDATE parked_sums SET runs = runs - 1, bytes = bytes - old.bytes WHERE tenant = old.tenant;
END;
