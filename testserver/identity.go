package testserver

import (
	"context"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// roleAdmin is the role that may act for every user.
const roleAdmin = "admin"

// identity is who makes a call, as far as that was proved.
type identity struct {
	UserID string
	Roles  []string
}

// anonymous stands for clients that do not say who they are.
const anonymous = "anonymous"

type identityKey struct{}

func withIdentity(ctx context.Context, id identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// caller returns who makes the call; false means that nobody proved who it is,
// which happens only where authentication is optional.
func caller(ctx context.Context) (identity, bool) {
	id, ok := ctx.Value(identityKey{}).(identity)
	return id, ok
}

func (i identity) equal(j identity) bool {
	return i.UserID == j.UserID && slices.Equal(i.Roles, j.Roles)
}

func (i identity) has(role string) bool { return slices.Contains(i.Roles, role) }

// actsAs returns the user for whom the call is made, of whom the request says
// that it is claimed. A caller who proved to be somebody is that user, unless it
// is an admin, who may act for others; anybody else is taken at their word.
func actsAs(ctx context.Context, claimed string) (string, error) {
	id, ok := caller(ctx)
	switch {
	case !ok:
		return claimed, nil
	case claimed == "" || claimed == id.UserID:
		return id.UserID, nil
	case id.has(roleAdmin):
		return claimed, nil
	}
	return "", status.Errorf(codes.PermissionDenied, "%s may not act for user %s", shorten(id.UserID), shorten(claimed))
}
