-- Runs unchanged on SQLite and PostgreSQL. Times are Unix microseconds; lists
-- and maps are JSON; *_key columns hold what is compared without regard to case.

-- +goose Up
CREATE TABLE sequences (
    name TEXT PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO sequences (name, last) VALUES ('users', 0), ('events', 0);

CREATE TABLE users (
    id         BIGINT PRIMARY KEY,
    name       TEXT    NOT NULL,
    name_key   TEXT    NOT NULL,
    email      TEXT    NOT NULL,
    email_key  TEXT    NOT NULL UNIQUE,
    age        INTEGER NOT NULL,
    active     BOOLEAN NOT NULL,
    status     INTEGER NOT NULL,
    roles      TEXT    NOT NULL,
    metadata   TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL
);

CREATE TABLE events (
    seq     BIGINT PRIMARY KEY,
    type    TEXT   NOT NULL,
    user_id BIGINT NOT NULL,
    payload TEXT   NOT NULL,
    at      BIGINT NOT NULL
);
CREATE INDEX events_user_id_seq ON events (user_id, seq);

CREATE TABLE credentials (
    username TEXT PRIMARY KEY,
    user_id  TEXT    NOT NULL,
    roles    TEXT    NOT NULL,
    hash     TEXT    NOT NULL,
    builtin  BOOLEAN NOT NULL
);

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

-- +goose Down
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE credentials;
DROP TABLE events;
DROP TABLE users;
DROP TABLE sequences;
