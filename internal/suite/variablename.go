package suite

import "strings"

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
