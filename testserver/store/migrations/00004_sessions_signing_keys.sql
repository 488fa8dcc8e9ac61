-- Runs unchanged on SQLite and PostgreSQL.
--
-- A session holds what its credential said at the login, for credentials may be
-- kept outside the database. Sessions made before end here.

-- +goose Up
DROP TABLE refresh_tokens;
DROP TABLE sessions;

CREATE TABLE sessions (
    id         TEXT PRIMARY KEY,
    username   TEXT   NOT NULL,
    user_id    TEXT   NOT NULL,
    roles      TEXT   NOT NULL,
    proof      TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked    BIGINT NOT NULL -- number of the revocation; 0 while in force
);
CREATE INDEX sessions_username ON sessions (username);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
CREATE INDEX sessions_revoked ON sessions (revoked);

CREATE TABLE refresh_tokens (
    hash       TEXT PRIMARY KEY,
    session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at BIGINT  NOT NULL,
    used       BOOLEAN NOT NULL
);
CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);

CREATE TABLE signing_keys (
    id         BIGINT PRIMARY KEY,
    secret     TEXT   NOT NULL, -- base64
    signs_from BIGINT NOT NULL
);

INSERT INTO sequences (name, last) VALUES ('revocations', 0), ('signing_keys', 0);

-- +goose Down
DELETE FROM sequences WHERE name IN ('revocations', 'signing_keys');
DROP TABLE signing_keys;
DROP TABLE refresh_tokens;
DROP TABLE sessions;

CREATE TABLE sessions (
    id         TEXT PRIMARY KEY,
    username   TEXT    NOT NULL REFERENCES credentials (username) ON DELETE CASCADE,
    expires_at BIGINT  NOT NULL,
    revoked    BOOLEAN NOT NULL
);
CREATE INDEX sessions_username ON sessions (username);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

CREATE TABLE refresh_tokens (
    hash       TEXT PRIMARY KEY,
    session_id TEXT    NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at BIGINT  NOT NULL,
    used       BOOLEAN NOT NULL
);
CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);
