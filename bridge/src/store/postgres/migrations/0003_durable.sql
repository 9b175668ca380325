-- Durable runs: rows of `parked_runs` that are kept while somebody has them, and what happened since each was written.
-- Their states: 0 parked, 1 taken (or an orphan, when its node is gone), 3 completed, 4 failed, 5 cancelled; with these, `rest`
-- is the tape.
ALTER TABLE mayfly.parked_runs ADD COLUMN durable BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX durable_runs_taken ON mayfly.parked_runs (created_at_ms) WHERE durable AND state = 1;

CREATE TABLE mayfly.run_entries (
    tenant TEXT COLLATE "C" NOT NULL,
    run TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    number BIGINT NOT NULL,
    entry BYTEA NOT NULL,
    PRIMARY KEY (tenant, run, sequence, number)
);
ALTER TABLE mayfly.run_entries ALTER COLUMN entry SET STORAGE EXTERNAL;
-- Whatever becomes of a row, entries of another sequence are nobody's.
CREATE FUNCTION mayfly.run_entries_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM mayfly.run_entries WHERE tenant = old.tenant AND run = old.run;
    ELSE
        DELETE FROM mayfly.run_entries WHERE tenant = new.tenant AND run = new.run AND sequence <> new.sequence;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER run_entries_removed AFTER DELETE ON mayfly.parked_runs
    FOR EACH ROW EXECUTE FUNCTION mayfly.run_entries_go();
CREATE TRIGGER run_entries_replaced AFTER UPDATE OF sequence ON mayfly.parked_runs
    FOR EACH ROW WHEN (new.sequence <> old.sequence) EXECUTE FUNCTION mayfly.run_entries_go();
