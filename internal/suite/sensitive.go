package suite

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

// variableName is the environment variable that stands for a name.
func variableName(name string) string {
	out := []byte(strings.ToUpper(name))
	for i, c := range out {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			out[i] = '_'
		}
	}
	if len(out) == 0 || out[0] >= '0' && out[0] <= '9' {
		return "_" + string(out)
	}
	return string(out)
}
