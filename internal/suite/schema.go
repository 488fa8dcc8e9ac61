package suite

import _ "embed"

//go:embed schema.json
var jsonSchema []byte

// JSONSchema is the JSON Schema, draft 2020-12, of suite files.
func JSONSchema() []byte { return jsonSchema }
