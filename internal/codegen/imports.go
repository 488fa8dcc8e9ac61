package codegen

import (
	"fmt"
	"regexp"
	"strings"
)

// importRules are options about imports; the first that matches decides.
type importRules []importRule

type importRule struct {
	pattern *regexp.Regexp
	target  string
}

func newImportRules(imports []Import, translate func(string) string) (importRules, error) {
	var rules importRules
	for _, i := range imports {
		re, err := regexp.Compile("^" + translate(i.Pattern) + "$")
		if err != nil {
			return nil, fmt.Errorf("import pattern %q: %w", i.Pattern, err)
		}
		rules = append(rules, importRule{pattern: re, target: i.Target})
	}
	return rules, nil
}

func (r importRules) find(name string) (target string, ok bool) {
	for _, rule := range r {
		if rule.pattern.MatchString(name) {
			return rule.target, true
		}
	}
	return "", false
}

// rewrite applies the rewriting rules to an import path, and the extension to one
// within the output.
func (g *generator) rewrite(importPath string) string {
	if target, ok := g.rewrites.find(importPath); ok {
		if isRelative(importPath) {
			_, rest, _ := strings.Cut(importPath, "/")
			importPath = strings.TrimSuffix(target, "/") + "/" + rest
		} else {
			importPath = target
		}
	}
	if base, ok := strings.CutSuffix(importPath, ".js"); ok && isRelative(importPath) {
		if g.opts.ImportExtension == "" {
			return base
		}
		return base + "." + g.opts.ImportExtension
	}
	return importPath
}

// rewritePattern translates a pattern of import paths: * is a part of a path,
// **/ any folders.
func rewritePattern(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch {
		case strings.HasPrefix(pattern[i:], "**/"):
			b.WriteString(`(?:[^/]+/)*`)
			i += 2
		case pattern[i] == '*':
			b.WriteString(`[^/]*`)
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	return b.String()
}

// mapPattern translates a pattern of .proto files: besides what rewritePattern
// knows, ** is anything, and a slash at the end means all in the folder.
func mapPattern(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch {
		case strings.HasPrefix(pattern[i:], "**/"):
			b.WriteString(`(?:[^/]+/)*`)
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			b.WriteString(`.*`)
			i++
		case pattern[i] == '*':
			b.WriteString(`[^/]*`)
		case pattern[i] == '/' && i == len(pattern)-1:
			b.WriteString(`/.*`)
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	return b.String()
}
