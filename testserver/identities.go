package testserver

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

const (
	maxIdentityText  = 256 // bytes of a name or a role
	maxIdentityRoles = 32
)

// identities are those who may call, and by what they prove who they are. They
// are read only once they are made.
type identities struct {
	users   map[string]listedUser // by username
	apiKeys map[[sha256.Size]byte]apiKey
	certs   map[string]identity // by certName
	signing []signingKey        // the first one signs
	rules   map[string][]string // roles by full method, in the place of those of accessRules
}

// listedUser is a user who logs in with a password.
type listedUser struct {
	identity
	hash  string
	proof string // changes with all that the file says of the user
}

type apiKey struct {
	identity
	name    string
	expires time.Time // zero: never
}

// certName is how a certificate's name of some kind is looked up.
func certName(kind, name string) string { return kind + " " + name }

// ofCertificate returns whom a verified certificate stands for: its URIs, such as
// a SPIFFE id, are looked up first, then its DNS names, then its common name.
func (ids *identities) ofCertificate(cert *x509.Certificate) (identity, bool) {
	if len(ids.certs) == 0 {
		return identity{}, false
	}
	for _, uri := range cert.URIs {
		if id, ok := ids.certs[certName("uri", uri.String())]; ok {
			return id, true
		}
	}
	for _, name := range cert.DNSNames {
		if id, ok := ids.certs[certName("dns", name)]; ok {
			return id, true
		}
	}
	id, ok := ids.certs[certName("common_name", cert.Subject.CommonName)]
	return id, ok && cert.Subject.CommonName != ""
}

// parseIdentities reads a file of identities. Its errors begin with line:column.
// known tells whether the server has a method, by its full name.
func parseIdentities(text []byte, known func(method string) bool) (*identities, error) {
	ids := &identities{
		users: map[string]listedUser{}, apiKeys: map[[sha256.Size]byte]apiKey{},
		certs: map[string]identity{}, rules: map[string][]string{},
	}
	body, err := parseYAML(text)
	if err != nil {
		return nil, err
	}
	if body == nil {
		return ids, nil
	}
	each := func(read func(*yaml.Node) error) func(*yaml.Node) error {
		return func(n *yaml.Node) error { return yamlItems(n, read) }
	}
	return ids, yamlFields(body, map[string]func(*yaml.Node) error{
		"users":        each(ids.readUser),
		"api_keys":     each(ids.readAPIKey),
		"certificates": each(ids.readCertificate),
		"signing_keys": each(ids.readSigningKey),
		"rules":        func(n *yaml.Node) error { return ids.readRules(n, known) },
	})
}

func (ids *identities) readUser(n *yaml.Node) error {
	var u listedUser
	var name string
	err := yamlFields(n, u.fields(map[string]func(*yaml.Node) error{
		"username":      yamlInto(&name, badIdentityText),
		"password_hash": yamlInto(&u.hash, badHash),
	}))
	if err != nil {
		return err
	}
	if name == "" || u.hash == "" {
		return yamlErrorf(n, "a user needs a username and a password_hash")
	}
	if _, ok := ids.users[name]; ok {
		return yamlErrorf(n, "username %s is here for the second time", shorten(name))
	}
	u.identity = u.or(name, roleUser)
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", u.hash, u.UserID, u.Roles))
	u.proof = proofFile + hex.EncodeToString(sum[:])
	ids.users[name] = u
	return nil
}

func (ids *identities) readAPIKey(n *yaml.Node) error {
	var k apiKey
	var sum []byte
	err := yamlFields(n, k.fields(map[string]func(*yaml.Node) error{
		"name": yamlInto(&k.name, badIdentityText),
		"sha256": func(n *yaml.Node) error {
			text, err := yamlText(n)
			if err != nil {
				return err
			}
			if sum, err = hex.DecodeString(text); err != nil || len(sum) != sha256.Size {
				return yamlErrorf(n, "want 64 hexadecimal digits")
			}
			return nil
		},
		"expires": func(n *yaml.Node) error {
			text, err := yamlText(n)
			if err != nil {
				return err
			}
			if k.expires, err = time.Parse(time.RFC3339, text); err != nil {
				return yamlErrorf(n, "want a time such as 2027-01-31T00:00:00Z")
			}
			return nil
		},
	}))
	if err != nil {
		return err
	}
	if k.name == "" || sum == nil {
		return yamlErrorf(n, "an API key needs a name and a sha256")
	}
	hash := [sha256.Size]byte(sum)
	if other, ok := ids.apiKeys[hash]; ok {
		return yamlErrorf(n, "the key is that of %s", other.name)
	}
	k.identity = k.or(k.name, roleAPI)
	ids.apiKeys[hash] = k
	return nil
}

func (ids *identities) readCertificate(n *yaml.Node) error {
	var id identity
	var names []string
	name := func(kind string) func(*yaml.Node) error {
		return func(n *yaml.Node) error {
			var text string
			err := yamlInto(&text, badIdentityText)(n)
			names = append(names, certName(kind, text))
			return err
		}
	}
	err := yamlFields(n, id.fields(map[string]func(*yaml.Node) error{
		"uri": name("uri"), "dns": name("dns"), "common_name": name("common_name"),
	}))
	if err != nil {
		return err
	}
	if len(names) != 1 {
		return yamlErrorf(n, "a certificate needs one of uri, dns and common_name")
	}
	if _, ok := ids.certs[names[0]]; ok {
		return yamlErrorf(n, "%s is here for the second time", shorten(names[0]))
	}
	_, text, _ := strings.Cut(names[0], " ")
	ids.certs[names[0]] = id.or(text, roleAPI)
	return nil
}

func (ids *identities) readSigningKey(n *yaml.Node) error {
	text, err := yamlText(n)
	if err != nil {
		return err
	}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return yamlErrorf(n, "want a key of at least %d bytes in base64", minSigningKey)
	}
	k, err := newSigningKey(secret)
	if err != nil {
		return yamlErrorf(n, "%v", err)
	}
	ids.signing = append(ids.signing, k)
	return nil
}

func (ids *identities) readRules(n *yaml.Node, known func(string) bool) error {
	return yamlEntries(n, func(key string, k, v *yaml.Node) error {
		method := "/" + strings.TrimPrefix(key, "/")
		if !known(method) {
			return yamlErrorf(k, "unknown method %q, want package.Service/Method", shorten(key))
		}
		if _, ok := ids.rules[method]; ok {
			return yamlErrorf(k, "method %s is here for the second time", key)
		}
		roles, err := yamlRoles(v)
		ids.rules[method] = roles
		return err
	})
}

// fields adds the readers of what every kind of entry has.
func (i *identity) fields(more map[string]func(*yaml.Node) error) map[string]func(*yaml.Node) error {
	more["user_id"] = yamlInto(&i.UserID, badIdentityText)
	more["roles"] = func(n *yaml.Node) (err error) {
		i.Roles, err = yamlRoles(n)
		return err
	}
	return more
}

// or returns i with defaults for what the file did not say.
func (i *identity) or(userID, role string) identity {
	id := *i
	if id.UserID == "" {
		id.UserID = userID
	}
	if id.Roles == nil {
		id.Roles = []string{role}
	}
	return id
}

func yamlRoles(n *yaml.Node) ([]string, error) {
	roles := []string{}
	err := yamlItems(n, func(n *yaml.Node) error {
		var role string
		if err := yamlInto(&role, badIdentityText)(n); err != nil {
			return err
		}
		if len(roles) == maxIdentityRoles || slices.Contains(roles, role) {
			return yamlErrorf(n, "want at most %d roles, each once", maxIdentityRoles)
		}
		roles = append(roles, role)
		return nil
	})
	return roles, err
}

func badIdentityText(s string) string {
	if strings.TrimSpace(s) == "" || len(s) > maxIdentityText || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Sprintf("want 1 to %d bytes of text without control characters", maxIdentityText)
	}
	return ""
}

func badHash(s string) string {
	if _, _, err := decodeHash(s); err != nil {
		return errors.Unwrap(err).Error()
	}
	return ""
}
