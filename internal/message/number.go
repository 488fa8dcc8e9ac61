package message

import (
	"bytes"
	"errors"
	"strconv"
)

var (
	errNotInteger = errors.New("not an integer")
	errRange      = errors.New("out of range")
)

// parseInt gives the value of a valid JSON number that is an integer, in
// whatever notation: 12, 12.0, 1.2e1.
func parseInt(w []byte, bits int) (int64, error) {
	if v, ok := shortInt(w); ok {
		if bits == 32 && v != int64(int32(v)) {
			return 0, errRange
		}
		return v, nil
	}
	s, err := integral(w)
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseInt(s, 10, bits)
	if err != nil {
		return 0, errRange
	}
	return v, nil
}

// parseUint is parseInt for unsigned integers. -0 is 0.
func parseUint(w []byte, bits int) (uint64, error) {
	if v, ok := shortInt(w); ok {
		if v < 0 || bits == 32 && v != int64(uint32(v)) {
			return 0, errRange
		}
		return uint64(v), nil
	}
	s, err := integral(w)
	if err != nil {
		return 0, err
	}
	if s == "-0" {
		return 0, nil
	}
	v, err := strconv.ParseUint(s, 10, bits)
	if err != nil {
		return 0, errRange
	}
	return v, nil
}

// shortInt is the fast way for plain integers of up to 18 digits.
func shortInt(w []byte) (int64, bool) {
	digits := bytes.TrimPrefix(w, []byte{'-'})
	if len(digits) > 18 {
		return 0, false
	}
	var v int64
	for _, c := range digits {
		if c-'0' > 9 {
			return 0, false
		}
		v = v*10 + int64(c-'0')
	}
	if len(digits) < len(w) {
		v = -v
	}
	return v, true
}

// integral writes a valid JSON number without point and exponent. It never
// gives more than 21 bytes: what is longer is out of any range.
func integral(w []byte) (string, error) {
	sign := ""
	if w[0] == '-' {
		sign, w = "-", w[1:]
	}
	exp := 0
	if i := bytes.IndexAny(w, "eE"); i >= 0 {
		n, err := strconv.ParseInt(string(w[i+1:]), 10, 32)
		if err != nil {
			// The exponent alone is huge: only zero can bear it.
			n = 1 << 31
			if w[i+1] == '-' {
				n = -n
			}
		}
		exp, w = int(n), w[:i]
	}
	whole, frac, _ := bytes.Cut(w, []byte{'.'})
	digits := append(append([]byte(nil), whole...), frac...)
	exp -= len(frac)
	digits = bytes.TrimLeft(digits, "0")
	kept := bytes.TrimRight(digits, "0")
	exp += len(digits) - len(kept)
	switch {
	case len(kept) == 0:
		return sign + "0", nil
	case exp < 0:
		return "", errNotInteger
	case len(kept)+exp > 20:
		return "", errRange
	}
	for range exp {
		kept = append(kept, '0')
	}
	return sign + string(kept), nil
}
