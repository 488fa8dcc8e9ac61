package suite_test

import (
	"testing"

	"github.com/grpcx/grpcx/internal/suite"
	"github.com/grpcx/grpcx/testserver"
)

func TestExamplesOfThePage(t *testing.T) {
	s := start(t, testserver.Config{DefaultAdmin: true, AdminPassword: "of-the-page"})
	for _, text := range yamlBlocks(t, "../../docs/testing.md") {
		config := suite.Config{LookupEnv: env("ADDR", s.addr, "ADMIN_PASSWORD", "of-the-page")}
		r, err := try(t, s, text, config, suite.RunOptions{})
		if err != nil {
			t.Errorf("%v\n%s", err, text)
			continue
		}
		passes(t, r)
	}
}
