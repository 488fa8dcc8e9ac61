package store

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of chat and notifications, in characters unless said otherwise.
const (
	maxDescription = 1000
	maxContent     = 16 << 10 // bytes
	maxTopics      = 100
)

// systemUser is the user id under which the server speaks.
const systemUser = "system"

// field is a field of a resource with what is wrong with it, or "".
type field struct{ name, reason string }

// badFields returns those with which something is wrong.
func badFields(fields ...field) []FieldError {
	var bad []FieldError
	for _, f := range fields {
		if f.reason != "" {
			bad = append(bad, FieldError{Field: f.name, Reason: f.reason})
		}
	}
	return bad
}

// ValidateRoomID returns an Error of code Invalid if no room has such an id, or nil.
func ValidateRoomID(id string) error {
	return invalid("room", badFields(field{"room_id", badText(id, maxName)}))
}

// badBody says what is wrong with a text that may be empty and have lines, or "".
func badBody(s string, limit int) string {
	switch {
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	case utf8.RuneCountInString(s) > limit:
		return "is longer than " + strconv.Itoa(limit) + " characters"
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\n\r", r) }):
		return "has control characters"
	}
	return ""
}

func badUserID(id string) string {
	if id == systemUser {
		return "is the server's own"
	}
	return badText(id, maxName)
}
