package testserver

import (
	"strings"
	"unicode/utf8"
)

// redactedText stands in the place of a secret.
const redactedText = "[redacted]"

// Bounds of what is looked at, so that no text takes long: bytes of a name before
// its value, and of a URL.
const (
	maxSecretName = 64
	maxSecretURL  = 1024
)

// redact returns a text without what looks like a secret in it: the value after
// a name such as password or token, credentials after Bearer and Basic, JSON web
// tokens, passwords in URLs, private keys. It would rather take too much than
// too little.
func redact(s string) string {
	var b strings.Builder
	done := 0
	for i := 0; i < len(s); {
		from, to := secretAt(s, i)
		if from >= to {
			i++
			continue
		}
		b.WriteString(s[done:from])
		b.WriteString(redactedText)
		done, i = to, to
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

// secretAt returns where the secret is to which s[i] leads; nowhere if from is
// not less than to.
func secretAt(s string, i int) (from, to int) {
	switch s[i] {
	case ':', '=':
		if strings.HasPrefix(s[i:], "://") {
			return urlSecret(s, i+len("://"))
		}
		return namedSecret(s, i)
	case ' ', '\t':
		return schemeSecret(s, i)
	case 'e':
		return webToken(s, i)
	case '-':
		return privateKey(s, i)
	case 'i':
		// The parser of URLs takes a part of a password for a port.
		if rest, ok := strings.CutPrefix(s[i:], `invalid port `); ok {
			from = len(s) - len(strings.TrimLeft(rest, `\"`))
			return unlessRedacted(s, from, tokenEnd(s, from, "\"\n"))
		}
	}
	return 0, 0
}

// unlessRedacted is s[from:to], or nothing if that was redacted before.
func unlessRedacted(s string, from, to int) (int, int) {
	if strings.HasPrefix(s[from:], redactedText) {
		return 0, 0
	}
	return from, to
}

// namedSecret is the value that follows a name and the separator s[i].
func namedSecret(s string, i int) (from, to int) {
	end := i
	for end > 0 && strings.IndexByte("\"'`\\ ]", s[end-1]) >= 0 {
		end--
	}
	start := end
	for start > 0 && end-start < maxSecretName && isNameByte(s[start-1]) {
		start--
	}
	name := s[start:end]
	if !isSecretName(name) {
		return 0, 0
	}
	from = i + 1
	for from < len(s) && strings.IndexByte(" \t=:>", s[from]) >= 0 {
		from++
	}
	for from < len(s) && strings.IndexByte("[({", s[from]) >= 0 && !strings.HasPrefix(s[from:], redactedText) {
		from++
	}
	for _, quote := range []string{`\"`, `"`, `'`, "`"} {
		if strings.HasPrefix(s[from:], quote) {
			from += len(quote)
			return unlessRedacted(s, from, quoteEnd(s, from, quote))
		}
	}
	if isHeaderName(name) {
		return unlessRedacted(s, from, tokenEnd(s, from, "\r\n"))
	}
	return unlessRedacted(s, from, valueEnd(s, from))
}

// valueEnd is the end of an unquoted value; the name of a scheme such as Bearer
// belongs to what follows it.
func valueEnd(s string, from int) int {
	end := tokenEnd(s, from, " \t\r\n&\"'`")
	if !isScheme(s[from:end]) {
		return end
	}
	next := end
	for next < len(s) && (s[next] == ' ' || s[next] == '\t') {
		next++
	}
	return tokenEnd(s, next, " \t\r\n&\"'`")
}

// quoteEnd is where the quotation that began before from ends.
func quoteEnd(s string, from int, quote string) int {
	for i := from; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], quote):
			return i
		case s[i] == '\\':
			i++
		}
	}
	return len(s)
}

// tokenEnd is the first of the stop bytes from there on, or the end of s.
func tokenEnd(s string, from int, stop string) int {
	if n := strings.IndexAny(s[from:], stop); n >= 0 {
		return from + n
	}
	return len(s)
}

// urlSecret is the password of a URL whose authority begins at from, or all
// before the @ if there is no colon. The password may have any characters, for
// URLs that are no good appear in errors.
func urlSecret(s string, from int) (int, int) {
	s = cutText(s, from+maxSecretURL)
	end := tokenEnd(s, from, " \t\r\n\"'`<>")
	authority := s[from:tokenEnd(s, from, " \t\r\n\"'`<>/?#")]
	colon := strings.IndexByte(authority, ':')
	if at := strings.LastIndexByte(s[from:end], '@'); at >= 0 {
		if colon >= 0 && colon < at {
			return unlessRedacted(s, from+colon+1, from+at)
		}
		return unlessRedacted(s, from, from+at)
	}
	if colon < 0 || authority[0] == '[' || isNumber(authority[colon+1:]) {
		return 0, 0
	}
	line := s[from:tokenEnd(s, from, "\r\n")]
	if at := strings.LastIndexByte(line, '@'); at > colon {
		end = from + at
	}
	return unlessRedacted(s, from+colon+1, end)
}

// schemeSecret is what follows Bearer or Basic and the space s[i].
func schemeSecret(s string, i int) (int, int) {
	start := i
	for start > 0 && isNameByte(s[start-1]) && i-start <= len("bearer") {
		start--
	}
	if !isScheme(s[start:i]) {
		return 0, 0
	}
	for i < len(s) && (s[i] == ' ' || s[i] == '\t') {
		i++
	}
	return unlessRedacted(s, i, tokenEnd(s, i, " \t\r\n\"'`,;]})&"))
}

// webToken is the JSON web token that begins at s[i].
func webToken(s string, i int) (from, to int) {
	const shortest = 16
	if !strings.HasPrefix(s[i:], "eyJ") || i > 0 && s[i-1] != '.' && isNameByte(s[i-1]) {
		return 0, 0
	}
	end := i
	for end < len(s) && isNameByte(s[end]) {
		end++
	}
	if end-i < shortest {
		return 0, 0
	}
	return i, end
}

// privateKey is the PEM block of a private key that begins at s[i].
func privateKey(s string, i int) (from, to int) {
	rest, ok := strings.CutPrefix(s[i:], "-----BEGIN ")
	if !ok {
		return 0, 0
	}
	label, rest, ok := strings.Cut(rest, "-----")
	if !ok || !strings.HasSuffix(label, "PRIVATE KEY") {
		return 0, 0
	}
	from = len(s) - len(rest)
	if n := strings.Index(rest, "-----END "); n >= 0 {
		return unlessRedacted(s, from, from+n)
	}
	return unlessRedacted(s, from, len(s))
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

func isNumber(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

func isScheme(s string) bool {
	return strings.EqualFold(s, "bearer") || strings.EqualFold(s, "basic")
}

// isHeaderName tells whether the value of that name may have spaces in it.
func isHeaderName(name string) bool {
	return strings.HasSuffix(strings.ToLower(name), "authorization") || strings.HasSuffix(strings.ToLower(name), "cookie")
}

// isSecretName tells whether the value of that name is a secret.
func isSecretName(name string) bool {
	if strings.EqualFold(name, "pass") || strings.EqualFold(name, "auth") {
		return true
	}
	for i := range len(name) {
		if secretWordAt(name, i) {
			return true
		}
	}
	return false
}

// secretWordAt is called for each byte of the names of all attributes, so it
// looks at one byte before anything else.
func secretWordAt(name string, i int) bool {
	rest := name[i:]
	switch name[i] | 0x20 { // in lower case, if it is a letter
	case 'a':
		return startsFold(rest, "authorization")
	case 'c':
		return startsFold(rest, "cookie") || startsFold(rest, "credential")
	case 'k':
		return startsFold(rest, "key") && isSecretKey(name[:i])
	case 'j':
		return startsFold(rest, "jwt")
	case 'p':
		return startsFold(rest, "passw") || startsFold(rest, "passphrase") || startsFold(rest, "pwd")
	case 's':
		return startsFold(rest, "secret")
	case 't':
		return startsFold(rest, "token")
	}
	return false
}

// isSecretKey tells whether a key of which that is said is a secret.
func isSecretKey(adjective string) bool {
	adjective = strings.ToLower(strings.TrimRight(adjective, "-_."))
	for _, a := range []string{"api", "access", "private", "signing", "encryption"} {
		if strings.HasSuffix(adjective, a) {
			return true
		}
	}
	return false
}

func startsFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// cutText returns s up to a length, and no part of a character.
func cutText(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
