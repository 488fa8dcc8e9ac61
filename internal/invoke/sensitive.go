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

// CutScheme cuts the scheme of credentials, with the blanks behind it, off a value of
// metadata (RFC 9110, section 11.4): it is no secret. Without a scheme that is known,
// or anything behind it, all is rest.
func CutScheme(value string) (scheme, rest string) {
	name, _, _ := strings.Cut(value, " ")
	switch strings.ToLower(name) {
	case "bearer", "basic", "token", "apikey", "negotiate", "digest", "dpop":
		if rest := strings.TrimLeft(value[len(name):], " "); rest != "" {
			return value[:len(value)-len(rest)], rest
		}
	}
	return "", value
}
