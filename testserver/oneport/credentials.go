package oneport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// handover is what grpc-go has for credentials: the handshake was made before,
// and its result travels with the connection.
type handover struct{}

func (handover) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, ok := raw.(*conn)
	if !ok {
		return nil, nil, errors.New("hand over connection: not one of this port")
	}
	return c, c.auth, nil
}

func (handover) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("hand over connection: not for clients")
}

func (handover) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}
func (h handover) Clone() credentials.TransportCredentials  { return h }
func (handover) OverrideServerName(serverName string) error { return nil }

// authInfo is what grpc-go's own credentials tell of a connection; state is nil
// for plaintext.
func authInfo(c net.Conn, state *tls.ConnectionState) credentials.AuthInfo {
	if state == nil {
		_, info, _ := insecure.NewCredentials().ServerHandshake(c) // never fails
		return info
	}
	return credentials.TLSInfo{
		State:          *state,
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
		SPIFFEID:       spiffeID(state),
	}
}

// spiffeID returns the SPIFFE id of the client's certificate, which has one URI
// and that is a sound id, by the rules of
// https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md.
func spiffeID(state *tls.ConnectionState) *url.URL {
	if len(state.PeerCertificates) == 0 || len(state.PeerCertificates[0].URIs) != 1 {
		return nil
	}
	id := state.PeerCertificates[0].URIs[0]
	sound := id.Scheme == "spiffe" && id.Opaque == "" && id.User == nil &&
		id.Host != "" && len(id.Host) <= 255 && id.Path != "" && len(id.String()) <= 2048
	if !sound {
		return nil
	}
	return id
}
