-- The content of a file is in the directory of files, under the name in the
-- column content. The identity of the database is what such a directory is tied to.

-- +goose Up
INSERT INTO sequences (name, last) VALUES ('files', 0);

CREATE TABLE files (
    seq          BIGINT PRIMARY KEY,
    id           TEXT   NOT NULL UNIQUE,
    content      TEXT   NOT NULL UNIQUE,
    filename     TEXT   NOT NULL,
    size         BIGINT NOT NULL,
    content_type TEXT   NOT NULL,
    checksum     TEXT   NOT NULL,
    uploaded_at  BIGINT NOT NULL,
    uploaded_by  TEXT   NOT NULL
);
CREATE INDEX files_uploaded_by_seq ON files (uploaded_by, seq);

CREATE TABLE identity (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- +goose Down
DROP TABLE identity;
DROP TABLE files;
DELETE FROM sequences WHERE name = 'files';
