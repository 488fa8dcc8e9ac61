package store

import (
	"net/mail"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a user's fields, in characters unless they count entries.
const (
	maxName     = 200
	maxEmail    = 254
	maxRoles    = 32
	maxRole     = 64
	maxMetadata = 64
	maxMetaKey  = 64
	maxMetaText = 1024
	maxFilter   = 200
)

// Validate returns an Error of code Invalid that names every bad field, or nil.
func (u User) Validate() error {
	var bad []FieldError
	report := func(field, reason string) {
		if reason != "" {
			bad = append(bad, FieldError{Field: field, Reason: reason})
		}
	}
	report("name", badText(u.Name, maxName))
	report("email", badEmail(u.Email))
	if u.Age < 0 {
		report("age", "must not be negative")
	}
	if u.Status < Unknown || u.Status > Suspended {
		report("status", "is not a known status")
	}
	report("roles", badRoles(u.Roles))
	report("metadata", badMetadata(u.Metadata))
	return invalid("user", bad)
}

// ValidateFilter returns an Error of code Invalid if no user list can be
// filtered by that text, or nil.
func ValidateFilter(filter string) error {
	if reason := badText(filter, maxFilter); filter != "" && reason != "" {
		return invalid("filter", []FieldError{{Field: "filter", Reason: reason}})
	}
	return nil
}

func invalid(kind string, bad []FieldError) error {
	if len(bad) == 0 {
		return nil
	}
	return &Error{Code: Invalid, Kind: kind, Fields: bad, Index: -1}
}

// badText says what is wrong with a required line of text, or "".
func badText(s string, limit int) string {
	switch {
	case strings.TrimSpace(s) == "":
		return "is required"
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	case utf8.RuneCountInString(s) > limit:
		return "is longer than " + strconv.Itoa(limit) + " characters"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "has control characters"
	}
	return ""
}

func badEmail(s string) string {
	if reason := badText(s, maxEmail); reason != "" {
		return reason
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s {
		return "is not an email address"
	}
	return ""
}

func badRoles(roles []string) string {
	if len(roles) > maxRoles {
		return "has more than " + strconv.Itoa(maxRoles) + " entries"
	}
	for _, r := range roles {
		if reason := badText(r, maxRole); reason != "" {
			return "has an entry that " + reason
		}
	}
	return ""
}

func badMetadata(m map[string]string) string {
	if len(m) > maxMetadata {
		return "has more than " + strconv.Itoa(maxMetadata) + " entries"
	}
	for k, v := range m {
		if reason := badText(k, maxMetaKey); reason != "" {
			return "has a key that " + reason
		}
		switch {
		case !utf8.ValidString(v):
			return "has a value that is not valid UTF-8"
		case utf8.RuneCountInString(v) > maxMetaText:
			return "has a value longer than " + strconv.Itoa(maxMetaText) + " characters"
		case strings.ContainsRune(v, 0):
			return "has a value with a NUL character"
		}
	}
	return ""
}
