package oneport

import (
	"errors"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"golang.org/x/net/http/httpguts"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// incoming returns the headers of a request as metadata, without those that
// belong to the protocols. Like grpc-go it keeps content-type, user-agent and
// :authority.
func incoming(r *http.Request) (metadata.MD, error) {
	md := make(metadata.MD, len(r.Header)+1)
	md[":authority"] = []string{r.Host}
	for name, values := range r.Header {
		name = strings.ToLower(name)
		if ofRequest(name) {
			continue
		}
		if !strings.HasSuffix(name, "-bin") {
			md[name] = append(md[name], values...)
			continue
		}
		for _, v := range values {
			for part := range strings.SplitSeq(v, ",") {
				b, err := connect.DecodeBinaryHeader(strings.TrimSpace(part))
				if err != nil {
					return nil, status.Errorf(codes.InvalidArgument, "header %s is not base64", name)
				}
				md[name] = append(md[name], string(b))
			}
		}
	}
	return md, nil
}

// ofRequest reports whether the protocols own the header of a request.
func ofRequest(name string) bool {
	switch name {
	case "host", "te", "connection", "keep-alive", "upgrade", "transfer-encoding", "trailer", "http2-settings",
		"content-length", "content-encoding", "accept-encoding",
		"grpc-timeout", "grpc-encoding", "grpc-accept-encoding", "grpc-message-type", "grpc-status", "grpc-message",
		"connect-protocol-version", "connect-timeout-ms", "connect-content-encoding", "connect-accept-encoding":
		return true
	}
	return false
}

// setHeaders puts metadata into the headers or trailers of a response.
func setHeaders(h http.Header, md metadata.MD) {
	for name, values := range md {
		if ofResponse(name) || !httpguts.ValidHeaderFieldName(name) {
			continue
		}
		key := http.CanonicalHeaderKey(name)
		for _, v := range values {
			switch {
			case strings.HasSuffix(name, "-bin"):
				v = connect.EncodeBinaryHeader([]byte(v))
			case !httpguts.ValidHeaderFieldValue(v):
				continue
			}
			h[key] = append(h[key], v)
		}
	}
}

// ofResponse reports whether the protocols own the header of a response.
func ofResponse(name string) bool {
	switch name {
	case "te", "connection", "keep-alive", "upgrade", "transfer-encoding", "trailer", "date",
		"content-type", "content-length", "content-encoding",
		"grpc-timeout", "grpc-encoding", "grpc-accept-encoding", "grpc-message-type",
		"grpc-status", "grpc-message", "grpc-status-details-bin":
		return true
	}
	return strings.HasPrefix(name, ":") || strings.HasPrefix(name, "connect-") || strings.HasPrefix(name, "access-control-")
}

// toConnect returns the error of a handler as connect-go sends it.
func toConnect(err error) error {
	if err == nil {
		return nil
	}
	st := status.Convert(err)
	e := connect.NewError(connect.Code(st.Code()), errors.New(st.Message()))
	for _, detail := range st.Proto().GetDetails() {
		if d, err := connect.NewErrorDetail(detail); err == nil {
			e.AddDetail(d)
		}
	}
	return e
}

// fromConnect returns an error of connect-go as handlers know it.
func fromConnect(err error) error {
	if e, ok := errors.AsType[*connect.Error](err); ok {
		return status.Error(codes.Code(e.Code()), e.Message())
	}
	return status.FromContextError(err).Err()
}
