package oneport

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// preflightAge is for how many seconds browsers keep what a preflight said: two
// hours, the most that any of them does.
const preflightAge = "7200"

// origins are whose pages may call.
type origins struct {
	any   bool
	local bool // pages from this machine
	named []string
}

// newOrigins takes Config.CORSOrigins. By default it is the pages from this
// machine, so that a page under development needs no proxy, while the pages that
// a developer happens to visit do not reach a server on loopback.
func newOrigins(configured []string) origins {
	o := origins{local: configured == nil}
	for _, name := range configured {
		if name == "*" {
			o.any = true
			continue
		}
		o.named = append(o.named, strings.ToLower(strings.TrimSuffix(name, "/")))
	}
	return o
}

// allowed reports whether pages of the origin may call, and whether with
// credentials of the browser: client certificates and cookies. Those are for
// origins that are named, as anybody may run something on this machine.
func (o *origins) allowed(origin string) (allowed, credentials bool) {
	if slices.Contains(o.named, strings.ToLower(origin)) {
		return true, true
	}
	return o.any || o.local && isLocal(origin), false
}

func isLocal(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// serve answers preflights, and otherwise returns the writer for the answer,
// which lets the page read it.
func (o *origins) serve(w http.ResponseWriter, r *http.Request) (_ http.ResponseWriter, answered bool) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return w, false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	wanted := r.Header.Get("Access-Control-Request-Method")
	preflight := r.Method == http.MethodOptions && wanted != ""
	allowed, credentials := o.allowed(origin)
	if allowed {
		h.Set("Access-Control-Allow-Origin", origin)
		if credentials {
			h.Set("Access-Control-Allow-Credentials", "true")
		}
	}
	switch {
	case preflight:
		allowPreflight(h, r, allowed)
		w.WriteHeader(http.StatusNoContent)
		return w, true
	case allowed:
		return &exposing{ResponseWriter: w}, false
	}
	return w, false
}

func allowPreflight(h http.Header, r *http.Request, allowed bool) {
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network")
	if !allowed {
		return
	}
	h.Set("Access-Control-Allow-Methods", "POST, GET")
	h.Set("Access-Control-Max-Age", preflightAge)
	// Any header may be metadata.
	if headers := r.Header.Values("Access-Control-Request-Headers"); len(headers) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(headers, ", "))
	}
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
}

// exposing lets a page read all headers of an answer: which ones there are is
// known when they are written.
type exposing struct {
	http.ResponseWriter
	began bool
}

func (e *exposing) WriteHeader(code int) {
	if !e.began {
		e.began = true
		names := []string{"Grpc-Message", "Grpc-Status", "Grpc-Status-Details-Bin"}
		for name := range e.Header() {
			private := name == "Vary" || name == "Trailer" || strings.HasPrefix(name, "Access-Control-") || strings.HasPrefix(name, http.TrailerPrefix)
			if !private && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		e.Header().Set("Access-Control-Expose-Headers", strings.Join(names, ", "))
	}
	e.ResponseWriter.WriteHeader(code)
}

func (e *exposing) Write(b []byte) (int, error) {
	if !e.began {
		e.WriteHeader(http.StatusOK)
	}
	return e.ResponseWriter.Write(b)
}

func (e *exposing) Flush() {
	if !e.began {
		e.WriteHeader(http.StatusOK)
	}
	_ = http.NewResponseController(e.ResponseWriter).Flush() // every ResponseWriter of net/http can
}

func (e *exposing) Unwrap() http.ResponseWriter { return e.ResponseWriter }
