# `make` lists the targets. Tools are pinned and kept in .cache, which git
# ignores; nothing has to be installed by hand but Go and Node.

GOLANGCI_LINT_VERSION := v2.15.0
GORELEASER_VERSION    := v2.16.0
GOTESTFLAGS           ?=
FUZZTIME              ?= 20s

# "./..." leaves out the Go packages under testdata.
TESTDATA = $(shell find cmd internal testdata testserver -path '*testdata/*' -name '*.go' -exec dirname {} + | sort -u)
PACKAGES = ./... $(addprefix ./,$(TESTDATA))

# The go command turns cgo off where it finds no C compiler, and the race
# detector needs one.
RACE = $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)

BIN           := $(CURDIR)/.cache/bin
GOLANGCI_LINT := $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION)
GORELEASER    := $(BIN)/goreleaser-$(GORELEASER_VERSION)

.PHONY: help demo build test quick lint tidy fresh postgres race slow acceptance peers deploy codegen codegen-oracle codegen-live conformance-json reports tui frames bench bench-tui generate fuzz snapshot release-check

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## create a user on the reference server inside the process
	go run ./cmd/grpcx call demo userservice.UserService/CreateUser -d '{"name":"Ada","email":"ada@example.com"}'

build: ## build ./grpcx
	go build -trimpath -o grpcx ./cmd/grpcx

test: lint tidy fresh race slow peers deploy codegen codegen-live conformance-json reports tui ## everything that runs on every submission

quick: ## the daily loop, under a minute
	go test ./...

race: postgres ## all tests of the quick loop, and those on PostgreSQL, under the race detector
	@test -n "$(RACE)" || { echo "SKIPPED: the race detector needs a C compiler" >&2; test -z "$$CI"; }
	go test $(RACE) -tags postgres $(GOTESTFLAGS) ./...

postgres: ## install the PostgreSQL that the tests of the store run
	scripts/postgres.sh

slow: postgres ## kill and stop servers under load, cut the power, attack the port, move large files and streams
	go test -tags slow -run '^Test(Crash|PowerCut|Hostile|Large|Shutdown)' -count=1 -p 1 -timeout 30m $(GOTESTFLAGS) ./testserver/... ./cmd/grpcx ./internal/suite ./internal/tui/traffic

acceptance: ## figures that want a quiet machine: logins, a stuck reader, the one port beside grpc-go
	go test -tags slow -run '^TestLoginTime|UnderLoad$$' -count=1 -p 1 -timeout 30m -v ./testserver
	go run ./bench/oneport

peers: ## official interop cases, Connect conformance, clients in Node and in Chromium
	go test -tags peers -run '^(TestInterop|TestConnectConformance)$$' $(GOTESTFLAGS) ./cmd/grpcx
	go test -tags peers -run '^TestConnectConformance$$' $(GOTESTFLAGS) ./testserver/oneport
	scripts/peers.sh $(GOTESTFLAGS)

deploy: ## the Dockerfile's commands, the Compose file and the Kubernetes manifests
	scripts/deploy.sh $(GOTESTFLAGS)

conformance-json: ## protobuf's own conformance suite against internal/message
	internal/message/conformance.sh

reports: ## reports of grpcx test in Chromium and against Jenkins's schema
	internal/suite/report/test.sh $(GOTESTFLAGS)

tui: ## the terminal UI in tmux, against real servers
	scripts/tmux.sh
	go test -tags tui -run '^TestTerminal' -count=1 $(GOTESTFLAGS) ./cmd/grpcx
	go test -tags tui -count=1 $(GOTESTFLAGS) ./bench/tui

frames: ## write the screens in docs/tui.md and README.md anew
	go test -run '^(TestFrames|TestStateFrames|TestDocumentedActions|TestDocumentedFrames)$$' -count=1 ./internal/tui -update

codegen: ## generated code against protoc-gen-es, three TypeScript compilers and Node
	internal/codegen/oracle/test.sh $(GOTESTFLAGS)

codegen-oracle: ## compare with protoc-gen-es over any folder: make codegen-oracle TREE=protos
	@test -n "$(TREE)" || { echo "want TREE=folder" >&2; exit 2; }
	internal/codegen/oracle/test.sh -v -run '^TestIdentity$$' -tree "$(abspath $(TREE))"

codegen-live: ## clients that grpcx generates, against servers, in Node and in Chromium
	scripts/codegen-live.sh $(GOTESTFLAGS)

lint: $(GOLANGCI_LINT) ## format, vet and the linters that hold the walls
	$(GOLANGCI_LINT) fmt --diff
	go vet $(PACKAGES)
	go vet -tags peers,codegen ./cmd/... ./testserver/... ./internal/codegen/... ./internal/suite/...
	go vet -tags slow,tui ./bench/... ./testserver/... ./cmd/... ./internal/suite/... ./internal/tui/...
	go vet -tags postgres ./testserver/...
	$(GOLANGCI_LINT) run $(PACKAGES)
	go run ./scripts/walls $(GOLANGCI_LINT)

tidy: ## each module lists what it needs and nothing else
	go mod tidy -diff
	cd tools && go mod tidy -diff
	cd tools/deploy && go mod tidy -diff

fresh: ## generated code is what the generators make of the protos
	scripts/fresh.sh

bench-tui: ## the terminal UI in a pseudo-terminal, under a stream of a minute, against its limits
	go run ./bench/tui

generate: ## regenerate the protobuf code and descriptors, and the runtime of generated clients
	testserver/proto/generate.sh
	internal/codegen/runtime/build.sh

bench: ## benchmarks, and grpcx beside grpcurl
	go test -run '^$$' -bench . -benchmem ./internal/...
	go run ./bench/sidebyside
	go run ./bench/suite

fuzz: ## run each fuzz target for FUZZTIME
	scripts/fuzz.sh $(FUZZTIME)

snapshot: $(GORELEASER) ## build the release archives and packages into dist
	$(GORELEASER) release --snapshot --clean

release-check: $(GORELEASER) ## check goreleaser.yaml
	$(GORELEASER) check

$(GOLANGCI_LINT):
	GOBIN=$(BIN)/install go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(BIN)/install/golangci-lint $@

$(GORELEASER):
	GOBIN=$(BIN)/install go install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)
	mv $(BIN)/install/goreleaser $@
