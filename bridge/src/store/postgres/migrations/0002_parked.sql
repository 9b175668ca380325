-- Processes that hold runs (`nodes.rs`). A row that has expired is never renewed; whoever acts on that removes it.
CREATE TABLE mayfly.nodes (
    node TEXT COLLATE "C" PRIMARY KEY,
    expires_at TIMESTAMPTZ NOT NULL
);

-- Runs that left memory.
CREATE TABLE mayfly.parked_runs (
    tenant TEXT COLLATE "C" NOT NULL,
    run TEXT COLLATE "C" NOT NULL,
    sequence BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    gone_at_ms BIGINT NOT NULL,
    engine TEXT COLLATE "C" NOT NULL,
    script TEXT COLLATE "C" NOT NULL,
    state SMALLINT NOT NULL, -- 0 parked, 1 taken, 2 lost
    node TEXT COLLATE "C" NOT NULL, -- of a run that is taken: the process that has it, and its number there
    holder BIGINT NOT NULL,
    bytes BIGINT NOT NULL, -- those in the object store included
    head BYTEA NOT NULL,
    rest BYTEA NOT NULL,
    image BYTEA NOT NULL,
    rest_object TEXT COLLATE "C", -- where the bytes are, when they are not here
    image_object TEXT COLLATE "C",
    PRIMARY KEY (tenant, run)
);
CREATE INDEX parked_runs_gone ON mayfly.parked_runs (gone_at_ms);
CREATE INDEX parked_runs_rest ON mayfly.parked_runs (rest_object) WHERE rest_object IS NOT NULL;
CREATE INDEX parked_runs_image ON mayfly.parked_runs (image_object) WHERE image_object IS NOT NULL;
-- What is sealed does not get smaller.
ALTER TABLE mayfly.parked_runs ALTER COLUMN head SET STORAGE EXTERNAL;
ALTER TABLE mayfly.parked_runs ALTER COLUMN rest SET STORAGE EXTERNAL;
ALTER TABLE mayfly.parked_runs ALTER COLUMN image SET STORAGE EXTERNAL;

-- How much a tenant keeps, without counting it each time. The last row that a transaction locks.
CREATE TABLE mayfly.parked_sums (
    tenant TEXT COLLATE "C" PRIMARY KEY,
    runs BIGINT NOT NULL,
    bytes BIGINT NOT NULL
);
CREATE FUNCTION mayfly.parked_summed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO mayfly.parked_sums VALUES (new.tenant, 1, new.bytes)
            ON CONFLICT (tenant) DO UPDATE
            SET runs = mayfly.parked_sums.runs + 1, bytes = mayfly.parked_sums.bytes + new.bytes;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE mayfly.parked_sums SET bytes = bytes + new.bytes - old.bytes WHERE tenant = new.tenant;
    ELSE
        UPDATE mayfly.parked_sums SET runs = runs - 1, bytes = bytes - old.bytes WHERE tenant = old.tenant;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER parked_summed AFTER INSERT OR UPDATE OF bytes OR DELETE ON mayfly.parked_runs
    FOR EACH ROW EXECUTE FUNCTION mayfly.parked_summed();
