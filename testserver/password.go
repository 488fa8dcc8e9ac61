package testserver

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of argon2id, after the OWASP password storage recommendation.
const (
	argonTime    = 2
	argonMemory  = 19 * 1024 // KiB
	argonThreads = 1
	argonSalt    = 16 // bytes
	argonKey     = 32 // bytes
)

// hashPassword returns the password's hash in the PHC string format.
func hashPassword(password string) string {
	salt := make([]byte, argonSalt)
	rand.Read(salt) // never fails, by its contract
	return encodeHash(salt, argonHash(password, salt))
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
	encoded, ok := strings.CutPrefix(hash, argonPrefix())
	salt64, key64, found := strings.Cut(encoded, "$")
	if !ok || !found {
		return false, fmt.Errorf("verify password: unknown hash format")
	}
	salt, err := base64.RawStdEncoding.DecodeString(salt64)
	if err != nil {
		return false, fmt.Errorf("verify password: salt: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(key64)
	if err != nil {
		return false, fmt.Errorf("verify password: key: %w", err)
	}
	return subtle.ConstantTimeCompare(want, argonHash(password, salt)) == 1, nil
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
