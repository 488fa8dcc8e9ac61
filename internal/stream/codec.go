package stream

import (
	"fmt"

	"google.golang.org/grpc/mem"
)

// codec passes encoded messages through: []byte out, *[]byte in. Its empty
// name keeps the content type at plain "application/grpc".
type codec struct{}

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("encode message: want []byte, got %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(message)}, nil
}

// Unmarshal overwrites the slice that v points to, and reuses its memory.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("decode message: want *[]byte, got %T", v)
	}
	n := data.Len()
	if cap(*message) < n {
		*message = make([]byte, n)
	}
	*message = (*message)[:n]
	data.CopyTo(*message)
	return nil
}

func (codec) Name() string { return "" }
