package testserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
)

// HTTPProbe returns a probe for a Dependency that asks for an http or https URL
// by GET. The endpoint is well if it answers with a status below 400; redirects
// are not followed, and no proxy is used. No error has the URL's path or secrets.
func HTTPProbe(address string) (func(context.Context) error, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("not an http or https URL")
	}
	client := &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives:      true, // an endpoint that takes no connections is not well
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return fmt.Errorf("probe %s: bad request", u.Host)
		}
		resp, err := client.Do(req)
		if e, ok := errors.AsType[*url.Error](err); ok {
			return fmt.Errorf("probe %s: %w", u.Host, e.Err)
		}
		if err != nil {
			return fmt.Errorf("probe %s: %w", u.Host, err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode >= http.StatusBadRequest {
			return fmt.Errorf("probe %s: status %d", u.Host, resp.StatusCode)
		}
		return nil
	}, nil
}

// AllOf returns a probe of things that are all needed. They are probed at once.
func AllOf(probes ...func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		return errors.Join(together(probes, func(probe func(context.Context) error) error { return probe(ctx) })...)
	}
}

// AnyOf returns a probe of things of which one is enough. They are probed at
// once, until one of them is well.
func AnyOf(probes ...func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, enough := context.WithCancel(ctx)
		defer enough()
		errs := together(probes, func(probe func(context.Context) error) error {
			err := probe(ctx)
			if err == nil {
				enough()
			}
			return err
		})
		if slices.Contains(errs, nil) {
			return nil
		}
		return cmp.Or(errors.Join(errs...), errors.New("nothing to probe"))
	}
}

// together runs the probes at once and returns their outcomes, in their order.
func together(probes []func(context.Context) error, run func(func(context.Context) error) error) []error {
	errs := make([]error, len(probes))
	var wg sync.WaitGroup
	for i, probe := range probes {
		wg.Go(func() { errs[i] = run(probe) })
	}
	wg.Wait()
	return errs
}
