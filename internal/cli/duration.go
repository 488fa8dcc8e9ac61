package cli

import (
	"errors"
	"math"
	"strconv"
	"time"
)

// duration is a flag that takes seconds as grpcurl does ("1.5") and Go's
// durations ("1500ms").
type duration time.Duration

func (d *duration) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

func (d *duration) Type() string { return "duration" }

func (d *duration) Set(s string) error {
	var v time.Duration
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		if math.IsNaN(seconds) || math.Abs(seconds) > math.MaxInt64/1e9 {
			return errors.New("too long a time")
		}
		v = time.Duration(seconds * float64(time.Second))
	} else if v, err = time.ParseDuration(s); err != nil {
		return errors.New("want seconds or a duration such as 1.5, 1500ms or 2m")
	}
	if v < 0 {
		return errors.New("a time limit cannot be negative")
	}
	*d = duration(v)
	return nil
}
