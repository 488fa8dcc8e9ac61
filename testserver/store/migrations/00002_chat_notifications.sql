-- Runs unchanged on SQLite and PostgreSQL. Times are Unix microseconds; maps are
-- JSON.

-- +goose Up
INSERT INTO sequences (name, last) VALUES ('rooms', 0), ('notifications', 0);

-- The servers that have members or subscribers. One that lives counts up beat;
-- one that was found dead stays so until nothing of it is left.
CREATE TABLE nodes (
    id   TEXT PRIMARY KEY,
    beat BIGINT  NOT NULL,
    dead BOOLEAN NOT NULL
);

-- The lock on a room's row orders what happens in the room. last and typed are
-- the numbers of its last message and typing event; members counts its users.
CREATE TABLE rooms (
    id          BIGINT PRIMARY KEY,
    room_id     TEXT    NOT NULL UNIQUE,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    created_by  TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    last        BIGINT  NOT NULL,
    typed       BIGINT  NOT NULL,
    members     INTEGER NOT NULL
);

CREATE TABLE messages (
    room     BIGINT  NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    seq      BIGINT  NOT NULL,
    type     INTEGER NOT NULL,
    user_id  TEXT    NOT NULL,
    username TEXT    NOT NULL,
    content  TEXT    NOT NULL,
    at       BIGINT  NOT NULL,
    members  INTEGER NOT NULL,
    PRIMARY KEY (room, seq)
);

-- One row a stream; since is the number of the room's last message when the
-- stream had joined.
CREATE TABLE members (
    stream   TEXT PRIMARY KEY,
    room     BIGINT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id  TEXT   NOT NULL,
    username TEXT   NOT NULL,
    node     TEXT   NOT NULL REFERENCES nodes (id),
    since    BIGINT NOT NULL
);
CREATE INDEX members_room_user_id ON members (room, user_id);
CREATE INDEX members_node_room ON members (node, room);

-- The last typing event of each member.
CREATE TABLE typing (
    room     BIGINT NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    user_id  TEXT   NOT NULL,
    username TEXT   NOT NULL,
    seq      BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (room, user_id)
);

CREATE TABLE notifications (
    seq     BIGINT PRIMARY KEY,
    topic   TEXT   NOT NULL,
    type    TEXT   NOT NULL,
    message TEXT   NOT NULL,
    data    TEXT   NOT NULL,
    at      BIGINT NOT NULL
);

CREATE TABLE subscriptions (
    id         TEXT PRIMARY KEY,
    user_id    TEXT    NOT NULL,
    all_topics BOOLEAN NOT NULL,
    node       TEXT    NOT NULL REFERENCES nodes (id)
);
CREATE INDEX subscriptions_node ON subscriptions (node);
CREATE INDEX subscriptions_user_id ON subscriptions (user_id);

CREATE TABLE subscription_topics (
    topic        TEXT NOT NULL,
    subscription TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    PRIMARY KEY (topic, subscription)
);
CREATE INDEX subscription_topics_subscription ON subscription_topics (subscription);

-- +goose Down
DROP TABLE subscription_topics;
DROP TABLE subscriptions;
DROP TABLE notifications;
DROP TABLE typing;
DROP TABLE members;
DROP TABLE messages;
DROP TABLE rooms;
DROP TABLE nodes;
DELETE FROM sequences WHERE name IN ('rooms', 'notifications');
