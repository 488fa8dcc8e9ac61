package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// Node is a server that shares the database, as others see it.
type Node struct {
	ID   string
	Beat int64 // rises for as long as the node lives
	Dead bool  // was found dead, and is being removed
}

// Shared tells whether other processes may use the same database.
func (s *Store) Shared() bool { return s.shared }

// AddNode makes a node known, before it has members and subscribers.
func (s *Store) AddNode(ctx context.Context, id string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO nodes (id, beat, dead) VALUES ($1, 0, $2)`, id, false)
		return err
	})
	if err != nil {
		return fmt.Errorf("add node: %w", err)
	}
	return nil
}

// Beat shows that the node lives. It is NotFound once it was found dead.
func (s *Store) Beat(ctx context.Context, id string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		return (&group{store: s, ctx: ctx, tx: tx, nodes: map[string]bool{}}).lockNode(id)
	})
	if err != nil {
		return fmt.Errorf("beat: %w", err)
	}
	return nil
}

// Nodes returns all nodes.
func (s *Store) Nodes(ctx context.Context) ([]Node, error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT id, beat, dead FROM nodes`)
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", cause(ctx, err))
	}
	defer rows.Close()
	var nodes []Node
	for rows.Next() {
		var n Node
		if err := rows.Scan(&n.ID, &n.Beat, &n.Dead); err != nil {
			return nil, fmt.Errorf("list nodes: %w", cause(ctx, err))
		}
		nodes = append(nodes, n)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list nodes: %w", cause(ctx, err))
	}
	return nodes, nil
}

// RemoveNode removes a node with its members, who thereby leave their rooms, and
// its subscriptions, unless the node has beaten since it was seen. Several may do
// so at once, and one may finish what another left half done.
func (s *Store) RemoveNode(ctx context.Context, seen Node) error {
	if err := s.removeNode(ctx, seen.ID, seen.Beat); err != nil {
		return fmt.Errorf("remove node: %w", err)
	}
	return nil
}

// RetireNode removes the caller's own node, as RemoveNode does.
func (s *Store) RetireNode(ctx context.Context, id string) error {
	if err := s.removeNode(ctx, id, anyBeat); err != nil {
		return fmt.Errorf("retire node: %w", err)
	}
	return nil
}

// anyBeat stands for whatever beat a node has.
const anyBeat = -1

func (s *Store) removeNode(ctx context.Context, id string, beat int64) error {
	dead := false
	err := s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE nodes SET dead = $1 WHERE id = $2 AND (beat = $3 OR $3 = -1) AND NOT dead`,
			true, id, beat); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, `SELECT dead FROM nodes WHERE id = $1`, id).Scan(&dead)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil || !dead {
		return err
	}
	rooms, err := s.roomsOf(ctx, id)
	if err != nil {
		return err
	}
	for _, room := range rooms {
		err := s.grouped(ctx, topicRoom(room), func(g *group) error {
			r, err := g.room(room)
			if err == nil {
				_, err = r.remove(dropNode, id)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM subscriptions WHERE node = $1`, id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM nodes WHERE id = $1 AND dead`, id)
		return err
	})
}

// roomsOf returns the rooms in which the node has members, each once.
func (s *Store) roomsOf(ctx context.Context, node string) ([]string, error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT DISTINCT r.room_id FROM members m JOIN rooms r ON r.id = m.room WHERE m.node = $1`, node)
	if err != nil {
		return nil, cause(ctx, err)
	}
	defer rows.Close()
	var rooms []string
	for rows.Next() {
		var room string
		if err := rows.Scan(&room); err != nil {
			return nil, cause(ctx, err)
		}
		rooms = append(rooms, room)
	}
	slices.Sort(rooms)
	return rooms, cause(ctx, rows.Err())
}
