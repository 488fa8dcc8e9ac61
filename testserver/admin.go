package testserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// maxAdminConnections bounds those of the admin port.
const maxAdminConnections = 128

// AdminHandler serves what operators look at:
//
//   - /metrics: measurements for Prometheus, in the text format or as OpenMetrics
//   - /healthz: 200 for as long as the process answers
//   - /readyz: 200 if the server as a whole is SERVING, else 503, with the health
//     of every service as JSON
//   - /debug/pprof/: profiles of the process, if Config.Profiling is set
//
// It asks for no credentials, so it belongs on an address that only operators reach.
func (s *Server) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.gatherer(), promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: 8,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", s.serveReady)
	if s.cfg.Profiling {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

// serveReady tells whether the server as a whole serves, and each service.
func (s *Server) serveReady(w http.ResponseWriter, _ *http.Request) {
	report := struct {
		Status   string            `json:"status"`
		Services map[string]string `json:"services"`
	}{Services: map[string]string{}}
	code := http.StatusServiceUnavailable
	for service, st := range s.board.statuses() {
		if service != "" {
			report.Services[service] = st.String()
			continue
		}
		report.Status = st.String()
		if st == healthpb.HealthCheckResponse_SERVING {
			code = http.StatusOK
		}
	}
	writeJSON(w, code, report)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	// Fails only where the client is gone.
	_, _ = w.Write(append(text, '\n'))
}

// ServeAdmin serves AdminHandler on l and closes l in the end. It goes on during
// a Shutdown, until calls have been drained, and then returns nil.
func (s *Server) ServeAdmin(l net.Listener) error {
	if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		s.log.Warn("anyone who reaches the admin port can read metrics and health", "address", a.String(), "profiling", s.cfg.Profiling)
	}
	server := &http.Server{
		Handler:           s.AdminHandler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second, // pprof adds the length of a profile
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	detach := context.AfterFunc(s.forced, func() {
		defer close(ended)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // a profile is still being taken
		}
	})
	err := server.Serve(netutil.LimitListener(l, maxAdminConnections))
	if !detach() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve admin port %s: %w", l.Addr(), err)
}
