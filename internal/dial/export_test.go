package dial

import "time"

// Patient gives servers as long as the connection to say what they speak.
func Patient(c Config) Config {
	c.probeTime = time.Hour
	return c
}
