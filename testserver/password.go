package testserver

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of argon2id, after the OWASP password storage recommendation. All
// hashes have the same, so that the time of a login does not tell users apart.
const (
	argonTime    = 2
	argonMemory  = 19 * 1024 // KiB
	argonThreads = 1
	argonSalt    = 16 // bytes
	argonKey     = 32 // bytes
)

const apiKeyPrefix = "grpcx_"

// HashPassword returns the password's argon2id hash in the PHC string format, as
// a file of identities has it. Passwords of more than 1,024 bytes never match.
func HashPassword(password string) string {
	salt := make([]byte, argonSalt)
	rand.Read(salt) // never fails, by its contract
	return encodeHash(salt, argonHash(password, salt))
}

// NewAPIKey returns a new key for the client, and the hash for the server's file
// of identities.
func NewAPIKey() (key, sha256Hex string) {
	b := make([]byte, 32)
	rand.Read(b) // never fails, by its contract
	key = apiKeyPrefix + base64.RawURLEncoding.EncodeToString(b)
	sum := sha256.Sum256([]byte(key))
	return key, hex.EncodeToString(sum[:])
}

// decoyHash returns a hash that no password has, at the cost of none.
func decoyHash() string {
	b := make([]byte, argonSalt+argonKey)
	rand.Read(b)
	return encodeHash(b[:argonSalt], b[argonSalt:])
}

// verifyPassword tells whether the hash is the password's. It takes the same
// time for every password.
func verifyPassword(hash, password string) (bool, error) {
	salt, want, err := decodeHash(hash)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(want, argonHash(password, salt)) == 1, nil
}

// decodeHash takes a hash apart. Its errors quote nothing of it, and the wrapped
// one makes sense by itself.
func decodeHash(hash string) (salt, key []byte, err error) {
	encoded, ok := strings.CutPrefix(hash, argonPrefix())
	salt64, key64, found := strings.Cut(encoded, "$")
	salt, saltErr := base64.RawStdEncoding.Strict().DecodeString(salt64)
	key, keyErr := base64.RawStdEncoding.Strict().DecodeString(key64)
	switch {
	case !ok || !found:
		err = fmt.Errorf("want a hash that begins with %s", argonPrefix())
	case saltErr != nil || keyErr != nil:
		err = errors.New("want salt and key of the hash in base64")
	case len(salt) < 8 || len(salt) > 64 || len(key) != argonKey:
		err = fmt.Errorf("want a salt of 8 to 64 bytes and a key of %d bytes", argonKey)
	default:
		return salt, key, nil
	}
	return nil, nil, fmt.Errorf("verify password: %w", err)
}

func argonHash(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
}

func argonPrefix() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, argonMemory, argonTime, argonThreads)
}

func encodeHash(salt, key []byte) string {
	return argonPrefix() + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(key)
}
