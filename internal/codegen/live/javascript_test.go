//go:build codegen

package live

import (
	"os"
	"path/filepath"
	"testing"
)

// TestJavaScript has Node load what is generated as it is, with no compiler in
// between, and holds its declarations against TypeScript.
func TestJavaScript(t *testing.T) {
	s := newSite(t, false)
	for _, tt := range []struct {
		name, layout, how, user string
		flags                   []string
	}{
		{name: "ESM", layout: "multi", how: "import", user: "nodenext.mts"},
		{name: "CommonJS", layout: "multi", how: "require", user: "nodenext.cts", flags: []string{"--module", "cjs"}},
		{name: "ESM in one file", layout: "single", how: "import", user: "nodenext.mts", flags: []string{"--single-file"}},
		{name: "CommonJS in one file", layout: "single", how: "require", user: "nodenext.cts", flags: []string{"--single-file", "--module", "cjs"}},
		// To TypeScript the Transport of an ES module is not that of a CommonJS one.
		{name: "CommonJS imported", layout: "multi", how: "import", user: "nodenext.cts", flags: []string{"--module", "cjs"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := workplace(t)
			s.generate(t, dir, "js", append([]string{"--runtime", "grpc-js", "--init"}, tt.flags...)...)
			runCases(t, 10, dir, "smoke.mjs", tt.how, tt.layout, s.url(s.reference))

			choose(t, dir, tt.layout)
			for _, compiler := range compilers {
				t.Run(compiler, func(t *testing.T) { check(t, dir, compiler) })
			}
			// As Node resolves modules, with the package.json that --init wrote.
			write(t, dir, "nodenext.json", `{"extends":"./tsconfig.json","compilerOptions":{"module":"nodenext","moduleResolution":"nodenext"},"files":["`+tt.user+`"]}`)
			client := map[string]string{"multi": "userservice/userservice_client", "single": "client"}[tt.layout]
			write(t, dir, tt.user, map[string]string{
				"nodenext.mts": `import type { Transport } from "@connectrpc/connect"; import { createUserServiceClient } from "./gen/` + client + `.js"; export { name, none };`,
				"nodenext.cts": `import connect = require("@connectrpc/connect"); type Transport = connect.Transport; import users = require("./gen/` + client + `.js"); const { createUserServiceClient } = users; export = { name, none };`,
			}[tt.user]+`
async function name(transport: Transport): Promise<string | undefined> {
  return (await createUserServiceClient(transport).getUser({})).user?.name;
}
async function none(transport: Transport) {
  // @ts-expect-error a request is wanted
  await createUserServiceClient(transport).getUser();
}
`)
			for _, compiler := range compilers {
				t.Run(compiler+" nodenext", func(t *testing.T) { checkProject(t, dir, compiler, "nodenext.json") })
			}
		})
	}
}

// TestTypesOnly compiles what has types alone, and finds nothing there to run.
func TestTypesOnly(t *testing.T) {
	s := newSite(t, false)
	use := map[string]string{
		"multi":  `import type { UserServiceClient } from "./gen/userservice/userservice_client"; import type { User, User_Status } from "./gen/userservice/userservice_pb"; import type { Everything } from "./probe/kitchen_pb";`,
		"single": `import type { User, UserServiceClient, User_Status } from "./gen/client"; import type { Everything } from "./probe/client";`,
	}
	for _, tt := range []struct {
		name, layout, language string
		flags                  []string
	}{
		{name: "TypeScript", layout: "multi", language: "ts"},
		{name: "declarations", layout: "multi", language: "js"},
		{name: "TypeScript in one file", layout: "single", language: "ts", flags: []string{"--single-file"}},
		{name: "declarations in one file", layout: "single", language: "js", flags: []string{"--single-file"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := workplace(t, "tsconfig.json")
			write(t, dir, "use.ts", use[tt.layout]+`
export async function use(users: UserServiceClient, status: User_Status): Promise<User | undefined> {
  const { user } = await users.getUser({ userId: "x" }, { timeoutMs: 1 });
  const age: number | undefined = user?.age;
  status = user?.status ?? status;
  // @ts-expect-error a field of another type
  const name: number | undefined = user?.name;
  // @ts-expect-error a number is no int64
  const everything: Partial<Everything> = { fInt64: 1 };
  for await (const event of users.watchUser({})) {
    console.log(event.eventType, age, name, status, everything);
  }
  return user;
}
`)
			s.generate(t, dir, tt.language, append([]string{"--types-only"}, tt.flags...)...)
			for _, compiler := range compilers {
				t.Run(compiler, func(t *testing.T) { check(t, dir, compiler) })
			}
			if tt.language == "ts" {
				esbuild(t, dir, "use.ts", "--outfile=use.js", "--platform=node")
				if text, err := os.ReadFile(filepath.Join(dir, "use.js")); err != nil || len(text) > 1000 {
					t.Errorf("there is something to run: %v\n%s", err, text)
				}
			}
		})
	}
}
