package deploy

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// composition loads compose.yaml as docker compose does: interpolated, validated
// against the schema of the Compose specification, and consistent.
func composition(t *testing.T, env ...string) (*types.Project, error) {
	t.Helper()
	o, err := cli.NewProjectOptions([]string{root + "/deploy/compose.yaml"}, cli.WithEnv(env), cli.WithConsistency(true))
	if err != nil {
		t.Fatal(err)
	}
	return o.LoadProject(t.Context())
}

func testCompose(t *testing.T, i *image) {
	project, err := composition(t, "POSTGRES_PASSWORD=p", "ADMIN_PASSWORD=a")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("it wants a password for the database", func(t *testing.T) {
		if _, err := composition(t); err == nil {
			t.Error("it is content without one")
		}
	})
	ports := map[string]bool{}
	for _, name := range []string{"node-1", "node-2"} {
		t.Run(name, func(t *testing.T) {
			node, err := project.GetService(name)
			if err != nil {
				t.Fatal(err)
			}
			var env []string
			for k, v := range node.Environment {
				env = append(env, k+"="+*v)
			}
			settings := i.settings(t, env, i.cmd...)
			if grace := settings["grace"].duration(t); time.Duration(*node.StopGracePeriod) <= grace {
				t.Errorf("killed after %v, within the grace of %v", node.StopGracePeriod, grace)
			}
			if settings["allow-insecure"].value != "true" {
				t.Error("the server would not start: it listens beyond loopback")
			}
			secret := settings["admin-password-file"].value
			if !slices.ContainsFunc(node.Secrets, func(s types.ServiceSecretConfig) bool { return "/run/secrets/"+s.Source == secret }) {
				t.Errorf("admin-password-file is %q, which is not mounted", secret)
			}
			for _, p := range node.Ports {
				if p.HostIP != "127.0.0.1" || p.Target != 50051 || ports[p.Published] {
					t.Errorf("port %+v", p)
				}
				ports[p.Published] = true
			}
			if need, ok := node.DependsOn["postgres"]; !ok || need.Condition != types.ServiceConditionHealthy {
				t.Errorf("it does not wait for its database: %+v", node.DependsOn)
			}
			if len(node.Volumes) != 1 || node.Volumes[0].Source != "files" || !strings.HasPrefix(settings["files"].value, node.Volumes[0].Target+"/") {
				t.Errorf("volumes %+v, want files, shared, around %+v", node.Volumes, settings["files"])
			}
		})
	}
	t.Run("postgres", func(t *testing.T) {
		db, err := project.GetService("postgres")
		if err != nil {
			t.Fatal(err)
		}
		if db.HealthCheck == nil || len(db.Ports) != 0 {
			t.Errorf("health check %+v, ports %+v", db.HealthCheck, db.Ports)
		}
		secrets := slices.Sorted(maps.Keys(project.Secrets))
		if want := []string{"admin_password", "postgres_password"}; !slices.Equal(secrets, want) {
			t.Errorf("secrets %q, want %q", secrets, want)
		}
	})
}
