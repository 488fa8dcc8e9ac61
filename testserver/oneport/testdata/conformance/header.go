package main

import (
	"encoding/base64"
	"strings"

	"google.golang.org/grpc/metadata"
)

// The suite writes the values of headers that end in -bin in base64.

func toMetadata(headers []header) metadata.MD {
	md := metadata.MD{}
	for _, h := range headers {
		for _, v := range h.Value {
			if strings.HasSuffix(strings.ToLower(h.Name), "-bin") {
				if b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(v, "=")); err == nil {
					v = string(b)
				}
			}
			md.Append(h.Name, v)
		}
	}
	return md
}

func printable(name string, values []string) []string {
	if !strings.HasSuffix(name, "-bin") {
		return values
	}
	encoded := make([]string, len(values))
	for i, v := range values {
		encoded[i] = base64.RawStdEncoding.EncodeToString([]byte(v))
	}
	return encoded
}
