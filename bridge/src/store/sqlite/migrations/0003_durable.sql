-- Durable runs: rows of `parked_runs` that are kept while somebody has them, and what happened since each was written.
-- Their states: 0 parked, 1 taken (or an orphan, when its process is gone), 3 completed, 4 failed, 5 cancelled; with these, `rest`
-- is the tape.
ALTER TABLE parked_runs ADD COLUMN durable INTEGER NOT NULL DEFAULT 0;
CREATE INDEX durable_runs_taken ON parked_runs (created_at_ms) WHERE durable = 1 AND state = 1;

CREATE TABLE run_entries (
    tenant TEXT NOT NULL,
    run TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    number INTEGER NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (tenant, run, sequence, number)
) STRICT, WITHOUT ROWID;
-- Whatever becomes of a row, entries of another sequence are nobody's.
CREATE TRIGGER run_entries_removed AFTER DELETE ON parked_runs BEGIN
    DELETE FROM run_entries WHERE tenant = old.tenant AND run = old.run;
END;
CREATE TRIGGER run_entries_replaced AFTER UPDATE OF sequence ON parked_runs WHEN new.sequence <> old.sequence BEGIN
    DELETE FROM run_entries WHERE tenant = new.tenant AND run = new.run AND sequence <> new.sequence;
END;
