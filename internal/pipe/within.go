// Package pipe waits for files that people name, which may be pipes, for no
// longer than a context lives: to open one takes as long as it takes somebody to
// open its other end.
package pipe

import "context"

// Within returns what work does, or, if ctx ends earlier, no value and the cause
// of that. Then work is left behind, with the file that it has open, as nothing
// ends the opening of a pipe: it is for a program that is about to end, and work
// must have no effect that would be missed or in the way. Where ctx has ended, work
// is not begun, and whatever makes it fail is taken for a consequence of that.
func Within[T any](ctx context.Context, work func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	if ctx.Err() != nil {
		return none, context.Cause(ctx)
	}
	done := make(chan result, 1)
	go func() {
		value, err := work()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		if r.err != nil && ctx.Err() != nil {
			return none, context.Cause(ctx)
		}
		return r.value, r.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}
