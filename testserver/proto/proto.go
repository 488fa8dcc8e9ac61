// Package proto holds the descriptors of the reference system's services.
package proto

import _ "embed" // for the descriptor set

// Descriptors is the serialized google.protobuf.FileDescriptorSet of all .proto
// files below this folder and of their imports, with comments.
//
//go:embed descriptors.binpb
var Descriptors []byte
