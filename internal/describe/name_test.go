package describe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

func authSource(t testing.TB) Source {
	set := &descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{
		file(t, `name: "a.proto" package: "a.v1" dependency: "t.proto" message_type { name: "M" }
			service { name: "AuthService" method { name: "Login" input_type: ".a.v1.M" output_type: ".a.v1.M" } method { name: "Logout" input_type: ".a.v1.M" output_type: ".a.v1.M" } }
			service { name: "UserService" method { name: "Get" input_type: ".a.v1.M" output_type: ".t.User" } }`),
		file(t, `name: "b.proto" package: "b" message_type { name: "M" } enum_type { name: "Login" value { name: "LOGIN_ONE" number: 0 } }
			service { name: "UserService" method { name: "Get" input_type: ".b.M" output_type: ".b.M" } }`),
		file(t, `name: "t.proto" package: "t" dependency: "google/protobuf/timestamp.proto" message_type { name: "User" field { name: "email" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL } }`),
		file(t, `name: "c.proto" message_type { name: "Bare" } service { name: "Greeter" method { name: "SayHello" input_type: ".Bare" output_type: ".Bare" } }`),
	}}
	source, err := NewSet(set)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func TestFindMethod(t *testing.T) {
	source := authSource(t)
	tests := []struct {
		name, want  string // full name found
		matches     []string
		suggestions []string
	}{
		{name: "a.v1.AuthService/Login", want: "a.v1.AuthService.Login"},
		{name: "/a.v1.AuthService/Login", want: "a.v1.AuthService.Login"},
		{name: "a.v1.AuthService.Login", want: "a.v1.AuthService.Login"},
		{name: "v1.AuthService/Login", want: "a.v1.AuthService.Login"},
		{name: "AuthService/Login", want: "a.v1.AuthService.Login"},
		{name: "AuthService.Logout", want: "a.v1.AuthService.Logout"},
		{name: "Login", want: "a.v1.AuthService.Login"},
		{name: "Greeter/SayHello", want: "Greeter.SayHello"},
		{name: "SayHello", want: "Greeter.SayHello"},
		{name: "b.UserService/Get", want: "b.UserService.Get"},
		{name: "Get", matches: []string{"a.v1.UserService/Get", "b.UserService/Get"}},
		{name: "UserService.Get", matches: []string{"a.v1.UserService/Get", "b.UserService/Get"}},
		{name: "Lgoin", suggestions: []string{"a.v1.AuthService/Login"}},
		{name: "AuthServce/Login", suggestions: []string{"a.v1.AuthService/Login", "a.v1.AuthService/Logout"}},
		{name: "a.v1.AuthService/login", suggestions: []string{"a.v1.AuthService/Login", "a.v1.AuthService/Logout"}},
		{name: "uthService/Login", suggestions: []string{"a.v1.AuthService/Login", "a.v1.AuthService/Logout"}},
		{name: "Unheard"}, {name: ""}, {name: "/"}, {name: "a//b"}, {name: "a/b/c"}, {name: "Login/"}, {name: "\x1b[2J"}, {name: "a.v1.M"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			md, err := FindMethod(t.Context(), source, tt.name)
			if tt.want != "" {
				if err != nil || string(md.FullName()) != tt.want {
					t.Errorf("got %v, %v", md, err)
				}
				return
			}
			checkNameError(t, err, tt.name, tt.matches, tt.suggestions)
		})
	}
}

func checkNameError(t *testing.T, err error, name string, matches, suggestions []string) {
	t.Helper()
	var e *NameError
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no NameError", err)
	}
	if e.Name != name || !slices.Equal(e.Matches, matches) || !slices.Equal(e.Suggestions, suggestions) {
		t.Errorf("%+v, want matches %v, suggestions %v", e, matches, suggestions)
	}
	if errors.Is(err, protoregistry.NotFound) != (len(matches) == 0) {
		t.Error("ambiguous and unknown are mixed up")
	}
	if strings.ContainsRune(err.Error(), '\x1b') {
		t.Errorf("%q is not safe", err.Error())
	}
}

func TestFindSymbol(t *testing.T) {
	source := authSource(t)
	tests := []struct {
		name, want  string
		matches     []string
		suggestions []string
	}{
		{name: "t.User", want: "t.User"},
		{name: ".t.User", want: "t.User"},
		{name: "User", want: "t.User"},
		{name: "User.email", want: "t.User.email"},
		{name: "email", want: "t.User.email"},
		{name: "LOGIN_ONE", want: "b.LOGIN_ONE"},
		{name: "Login", want: "a.v1.AuthService.Login"}, // a method before an enum
		{name: "b.Login", want: "b.Login"},
		{name: "AuthService", want: "a.v1.AuthService"},
		{name: "AuthService/Login", want: "a.v1.AuthService.Login"},
		{name: "Timestamp", want: "google.protobuf.Timestamp"},
		{name: "google.rpc.RetryInfo", want: "google.rpc.RetryInfo"},
		{name: "UserService", matches: []string{"a.v1.UserService", "b.UserService"}},
		{name: "M", matches: []string{"a.v1.M", "b.M"}},
		{name: "AuthServic", suggestions: []string{"a.v1.AuthService"}},
		{name: "emial", suggestions: []string{"t.User.email"}},
		{name: "nothing.like.it"}, {name: "a b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := FindSymbol(t.Context(), source, tt.name)
			if tt.want != "" {
				if err != nil || string(d.FullName()) != tt.want {
					t.Errorf("got %v, %v", d, err)
				}
				return
			}
			var e *NameError
			if errors.As(err, &e) && len(tt.suggestions) == 1 && len(e.Suggestions) > 1 {
				e.Suggestions = e.Suggestions[:1] // the nearest is what counts
			}
			checkNameError(t, err, tt.name, tt.matches, tt.suggestions)
		})
	}
}

func TestFindService(t *testing.T) {
	source := authSource(t)
	for _, name := range []string{"AuthService", "v1.AuthService", "a.v1.AuthService", ".a.v1.AuthService"} {
		if got, err := FindService(t.Context(), source, name); err != nil || got != "a.v1.AuthService" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	_, err := FindService(t.Context(), source, "UserService")
	checkNameError(t, err, "UserService", []string{"a.v1.UserService", "b.UserService"}, nil)
	_, err = FindService(t.Context(), source, "AuthServiec")
	checkNameError(t, err, "AuthServiec", nil, []string{"a.v1.AuthService"})
	_, err = FindService(t.Context(), source, "a/b")
	checkNameError(t, err, "a/b", nil, nil)
	if _, err := Methods(t.Context(), source, "a.v1.None"); !errors.Is(err, protoregistry.NotFound) {
		t.Errorf("methods of an unknown service: %v", err)
	}
}

func TestNameErrorsListTheirNames(t *testing.T) {
	tests := map[string]*NameError{
		`method "Get" is ambiguous: it may be a/Get or b/Get`: {Name: "Get", Kind: "method", Matches: []string{"a/Get", "b/Get"}},
		`unknown symbol "X"; did you mean Y?`:                 {Name: "X", Kind: "symbol", Suggestions: []string{"Y"}},
		`unknown symbol "X"; did you mean Y, Z or W?`:         {Name: "X", Kind: "symbol", Suggestions: []string{"Y", "Z", "W"}},
		`unknown service "\x1b"`:                              {Name: "\x1b", Kind: "service"},
	}
	for want, err := range tests {
		if err.Error() != want {
			t.Errorf("%s, want %s", err, want)
		}
	}
	many := &NameError{Name: "Get", Kind: "method", Matches: make([]string, 1000)}
	if text := many.Error(); !strings.HasSuffix(text, "and 980 more") {
		t.Errorf("%.100q…", text)
	}
}

func TestMerge(t *testing.T) {
	first, second := authSource(t), compiled(t)
	source := Merge(first, second)
	names, err := source.Services(t.Context())
	if err != nil || !slices.IsSorted(names) || len(names) != 5 {
		t.Errorf("services %v, %v", names, err)
	}
	for _, name := range []string{"Catalog/Get", "SayHello"} {
		if _, err := FindMethod(t.Context(), source, name); err != nil {
			t.Error(err)
		}
	}
	if _, err := FindSymbol(t.Context(), source, "ListRequest"); err != nil {
		t.Error(err)
	}
	if _, err := source.Find(t.Context(), "no.Such"); !errors.Is(err, protoregistry.NotFound) {
		t.Errorf("error %v", err)
	}
	types := source.Types()
	if _, err := types.FindMessageByURL("x/shop.v1.Item"); err != nil {
		t.Error(err)
	}
	if _, err := types.FindExtensionByNumber("shop.v1.Legacy", 100); err != nil {
		t.Error(err)
	}
	if _, err := types.FindExtensionByName("no.such"); !errors.Is(err, protoregistry.NotFound) {
		t.Errorf("error %v", err)
	}
	failing := Merge(first, brokenSource{Source: second})
	if _, err := failing.Services(t.Context()); !errors.Is(err, errBroken) {
		t.Errorf("an error of one source is lost: %v", err)
	}
	if _, err := failing.Find(t.Context(), "shop.v1.Item"); !errors.Is(err, errBroken) {
		t.Errorf("an error of one source is lost: %v", err)
	}
	if d, err := failing.Find(t.Context(), "t.User"); err != nil || d == nil {
		t.Errorf("what the first source knows needs no other: %v", err)
	}
}

var errBroken = errors.New("broken")

type brokenSource struct{ Source }

func (brokenSource) Services(context.Context) ([]protoreflect.FullName, error) { return nil, errBroken }
func (brokenSource) Find(context.Context, protoreflect.FullName) (protoreflect.Descriptor, error) {
	return nil, errBroken
}

// strange hides that a source has a catalog.
type strange struct{ source Source }

func (s strange) Services(c context.Context) ([]protoreflect.FullName, error) {
	return s.source.Services(c)
}
func (s strange) Find(c context.Context, n protoreflect.FullName) (protoreflect.Descriptor, error) {
	return s.source.Find(c, n)
}
func (s strange) Types() Resolver { return s.source.Types() }

func TestSourcesOfAnotherMake(t *testing.T) {
	source := strange{authSource(t)}
	if _, err := FindMethod(t.Context(), source, "Login"); err != nil {
		t.Error(err)
	}
	if _, err := FindSymbol(t.Context(), source, "email"); err != nil {
		t.Error(err)
	}
}

func FuzzNames(f *testing.F) {
	for _, name := range []string{"Login", "a.v1.AuthService/Login", "/x", ".", "a..b", "\xff", "User.email", "M"} {
		f.Add(name)
	}
	source := authSource(f)
	f.Fuzz(func(t *testing.T, name string) {
		if md, err := FindMethod(t.Context(), source, name); err == nil {
			q, _ := parseQuery(name)
			if !hasSuffix(string(md.FullName()), q.dotted) {
				t.Errorf("%q found %s", name, md.FullName())
			}
		} else if text := err.Error(); strings.ContainsAny(text, "\x1b\n") {
			t.Errorf("%q", text)
		}
		if d, err := FindSymbol(t.Context(), source, name); err == nil {
			if back, err := FindSymbol(t.Context(), source, string(d.FullName())); err != nil || back != d {
				t.Errorf("%s does not lead to itself: %v", d.FullName(), err)
			}
		}
	})
}

func ExampleNameError() {
	fmt.Println(&NameError{Name: "Lgoin", Kind: "method", Suggestions: []string{"auth.AuthService/Login"}})
	// Output: unknown method "Lgoin"; did you mean auth.AuthService/Login?
}
