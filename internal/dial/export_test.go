package dial

import "time"

// Probes is how long the questions take together.
const Probes = probes

// Patient gives servers as long as the connection to say what they speak.
func Patient(c Config) Config {
	c.probeTime = time.Hour
	return PatientAtLast(c)
}

// PatientAtLast gives servers as long as the connection to answer the last question.
func PatientAtLast(c Config) Config {
	c.lastTime = time.Hour
	return c
}
