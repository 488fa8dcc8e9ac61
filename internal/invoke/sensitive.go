package invoke

import "strings"

// Sensitive reports whether a name, of metadata or of an environment variable, is
// one of those that credentials have.
func Sensitive(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	switch name {
	case "authorization", "proxy-authorization", "cookie", "set-cookie":
		return true
	}
	for _, part := range []string{"token", "secret", "password", "passwd", "api-key", "apikey", "credential", "session", "signature", "auth-"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return strings.HasSuffix(name, "-key") || strings.HasSuffix(name, "-auth") || strings.HasSuffix(name, "-key-bin")
}
