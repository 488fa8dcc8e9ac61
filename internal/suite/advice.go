package suite

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// syntaxAdvice says what is wrong where an expression cannot be read: what people
// write who know other languages. message is what the parser says.
func syntaxAdvice(message, text string, at int) string {
	rest := string([]rune(text)[min(at, utf8.RuneCountInString(text)):])
	word := identifierAt(rest)
	switch {
	case strings.HasPrefix(rest, "${"):
		return "an expression stands here by itself, without ${ and }"
	case strings.HasPrefix(rest, "=~"):
		return "write TEXT.matches(REGEXP) instead of =~"
	case strings.HasPrefix(rest, "=>"), strings.HasPrefix(rest, "=<"):
		return "write >= or <= instead of " + rest[:2]
	case strings.HasPrefix(rest, "="):
		return "write == to compare"
	case word == "and":
		return "write && instead of and"
	case word == "or":
		return "write || instead of or"
	case word == "in" || word == "true" || word == "false" || word == "null":
		return "write .`" + word + "` for a field of this name"
	case strings.Contains(message, "'<EOF>'"):
		return "the expression ends too early"
	case strings.HasPrefix(message, "token recognition error") && strings.ContainsAny(rest[:min(1, len(rest))], `'"`):
		return "the string has no end"
	}
	message, _, _ = strings.Cut(message, " expecting ")
	return message
}

// otherName is the name in sc for what other tools call name, "" for none.
func otherName(name string, sc *scope) string {
	for _, candidate := range map[string][]string{
		"response": {"res", "msgs"}, "resp": {"res", "msgs"}, "result": {"res", "msgs"}, "reply": {"res", "msgs"},
		"body": {"res", "msgs"}, "output": {"res", "msgs"}, "message": {"msg"}, "messages": {"msgs"}, "responses": {"msgs"},
		"status": {"code"}, "status_code": {"code"}, "error": {"message"}, "err": {"message"},
		"metadata": {"headers"}, "header": {"headers"}, "trailer": {"trailers"},
		"latency": {"elapsed"}, "time": {"elapsed"}, "environment": {"env"},
	}[strings.ToLower(name)] {
		if _, ok := sc.names[candidate]; ok {
			return candidate
		}
	}
	return ""
}

// knownNames lists the names of sc, for problems.
func knownNames(sc *scope) string {
	const most = 20
	var names []string
	for _, name := range slices.Sorted(maps.Keys(sc.names)) {
		if before, _, ok := strings.Cut(name, "."); ok {
			name = before
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return strings.Join(names, ", ")
}

// nearestFunction is the function that was probably meant, "" for none.
func (c *compiler) nearestFunction(name string) string {
	switch name {
	case "len", "length", "count":
		return "size"
	case "lower", "toLower", "toLowerCase":
		return "lowerAscii"
	case "upper", "toUpper", "toUpperCase":
		return "upperAscii"
	case "includes":
		return "contains"
	case "any", "some":
		return "exists"
	case "every":
		return "all"
	}
	names := []string{"all", "exists", "exists_one", "filter", "map", "has"}
	for _, f := range slices.Sorted(maps.Keys(c.base.Functions())) {
		f = f[strings.LastIndexByte(f, '.')+1:]
		if isIdentifier(f) {
			names = append(names, f)
		}
	}
	return nearest(name, slices.Values(names))
}

// callee moves from the parenthesis of a call to the name before it.
func callee(text string, at int) int {
	runes := []rune(text)
	if at >= len(runes) || runes[at] != '(' {
		return at
	}
	for at > 0 && isIdentifier("_"+string(runes[at-1])) {
		at--
	}
	return at
}
