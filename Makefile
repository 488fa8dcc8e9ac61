# `make` lists the targets. Tools are pinned and kept in .cache, which git
# ignores; nothing has to be installed by hand but Go and Node.

GOLANGCI_LINT_VERSION := v2.15.0
GORELEASER_VERSION    := v2.16.0
GOTESTFLAGS           ?=
FUZZTIME              ?= 20s

BIN           := $(CURDIR)/.cache/bin
GOLANGCI_LINT := $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION)
GORELEASER    := $(BIN)/goreleaser-$(GORELEASER_VERSION)

.PHONY: help demo build test quick lint tidy fresh race peers conformance-json bench generate fuzz snapshot release-check

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## create a user on the reference server inside the process
	go run ./cmd/grpcx call demo userservice.UserService/CreateUser -d '{"name":"Ada","email":"ada@example.com"}'

build: ## build ./grpcx
	go build -trimpath -o grpcx ./cmd/grpcx

test: lint tidy fresh race peers conformance-json ## everything that runs on every submission

quick: ## the daily loop, under a minute
	go test ./...

race: ## all tests of the quick loop, under the race detector
	go test -race $(GOTESTFLAGS) ./...

peers: ## official interop cases and Connect conformance, through the command
	go test -tags peers -run '^(TestInterop|TestConnectConformance)$$' $(GOTESTFLAGS) ./cmd/grpcx

conformance-json: ## protobuf's own conformance suite against internal/message
	internal/message/conformance.sh

lint: $(GOLANGCI_LINT) ## format, vet and the linters that hold the walls
	$(GOLANGCI_LINT) fmt --diff
	go vet ./...
	go vet -tags peers ./cmd/...
	$(GOLANGCI_LINT) run

tidy: ## both modules list what they need and nothing else
	go mod tidy -diff
	cd tools && go mod tidy -diff

fresh: ## generated code is what the generators make of the protos
	@before=$$(mktemp -d) && trap 'rm -rf "$$before"' EXIT && \
	cp -R testserver/proto "$$before" && $(MAKE) generate && diff -r "$$before/proto" testserver/proto

generate: ## regenerate the protobuf code and descriptors
	testserver/proto/generate.sh

bench: ## benchmarks, and grpcx beside grpcurl
	go test -run '^$$' -bench . -benchmem ./internal/...
	go run ./bench/sidebyside

fuzz: ## run each fuzz target for FUZZTIME
	@for package in $$(go list ./internal/...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$package || exit 1; \
		done; \
	done

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
