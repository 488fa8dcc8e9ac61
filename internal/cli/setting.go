package cli

import (
	"cmp"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// setting is something that can be set about the server. Its flag, its variable,
// its key in a configuration file, its line of --print-config and its row in
// docs/server.md all come from here.
type setting struct {
	name  string // of the flag and the key
	value settingValue
	usage string // `X` in it is what the value is called
	from  source
	// outdone is the setting that is in force in the place of this one, if any.
	outdone *setting
}

// settingGroup is settings that are about one thing.
type settingGroup struct {
	title    string
	settings []*setting
}

// settingValue is what a setting holds. Set takes text that is a flag's or a
// variable's; the default is there from the beginning.
type settingValue interface {
	pflag.Value
	// spare is such a value that nothing depends on.
	spare() settingValue
	// takes says which nodes of YAML the value can be.
	takes() yamlKind
	// yaml is the value as a configuration file has it, without secrets.
	yaml() string
}

// precedence is where a setting's value comes from, the strongest last.
type precedence int

const (
	fromDefault precedence = iota
	fromFile
	fromDocuments // a variable that the documents of the reference system name
	fromEnvironment
	fromFlag
)

// source is where a setting's value comes from, and how to say that.
type source struct {
	precedence
	name string // a flag, a variable, a file and line
}

func (s source) String() string { return cmp.Or(s.name, "default") }

// given reports whether somebody set the setting.
func (s *setting) given() bool { return s.from.precedence > fromDefault }

// registerSettings gives cmd the flags of all settings.
func registerSettings(cmd *cobra.Command, groups []settingGroup) {
	for s := range eachSetting(groups) {
		f := cmd.Flags().VarPF(s.value, s.name, "", s.usage)
		if s.value.Type() == "bool" {
			f.NoOptDefVal = "true"
		}
	}
}

// eachSetting goes through all settings in their order.
func eachSetting(groups []settingGroup) func(yield func(*setting) bool) {
	return func(yield func(*setting) bool) {
		for _, g := range groups {
			for _, s := range g.settings {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// settingsFrom notes which settings came by flag or by variable; the flags of
// the command have been set from both.
func settingsFrom(flags *pflag.FlagSet, groups []settingGroup) {
	for s := range eachSetting(groups) {
		f := flags.Lookup(s.name)
		switch {
		case len(f.Annotations[variableAnnotation]) > 0:
			s.from = source{fromEnvironment, f.Annotations[variableAnnotation][0]}
		case f.Changed:
			s.from = source{fromFlag, "--" + s.name}
		}
	}
}
