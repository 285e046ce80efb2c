-- The peer's tables: the columns, constraints and indexes of keyledger's own, in a database of their own.
-- Left out, in the peer's favour: the triggers that refuse gaps and changes of the log.
CREATE SEQUENCE event_positions CACHE 1;

CREATE TABLE users (
    id text COLLATE "C" PRIMARY KEY,
    version int NOT NULL,
    last_number int NOT NULL,
    fence bigint NOT NULL,
    last_event_ms bigint NOT NULL,
    CHECK (last_number >= 0 AND last_number < version)
) WITH (fillfactor = 60);

CREATE TABLE commands (
    id uuid PRIMARY KEY,
    user_id text COLLATE "C" NOT NULL,
    command text NOT NULL,
    caller text NOT NULL,
    fingerprint bytea NOT NULL,
    status text NOT NULL CHECK (status IN ('completed', 'rejected', 'failed', 'cancelled')),
    code smallint NOT NULL,
    version int,
    event_id uuid,
    error json,
    accepted_ms bigint NOT NULL,
    completed_ms bigint NOT NULL,
    retry_of uuid,
    CHECK ((status = 'completed') = (error IS NULL))
);

CREATE TABLE events (
    position bigint PRIMARY KEY DEFAULT nextval('event_positions'),
    id uuid NOT NULL UNIQUE,
    user_id text COLLATE "C" NOT NULL,
    version int,
    type text NOT NULL,
    data json NOT NULL,
    command_id uuid NOT NULL,
    organisation text,
    actor json NOT NULL,
    time_ms bigint NOT NULL
);
CREATE UNIQUE INDEX events_user_id_version_key ON events (user_id, version) WHERE version IS NOT NULL;

CREATE TABLE physical_keys (
    user_id text COLLATE "C",
    number int CHECK (number >= 1),
    org_id text NOT NULL,
    org_name text,
    note text,
    added_ms bigint NOT NULL,
    removed_ms bigint,
    PRIMARY KEY (user_id, number)
);
