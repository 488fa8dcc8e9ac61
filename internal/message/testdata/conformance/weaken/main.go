// Command weaken copies a dynamically linked ELF program such that it starts
// with an older C library than it was linked against: symbol versions that are
// missing there are marked as optional. The symbols themselves must come from
// elsewhere, such as a preloaded library.
package main

import (
	"debug/elf"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "weaken:", err)
		os.Exit(1)
	}
}

// run copies from to to with the flag VER_FLG_WEAK on every version that it
// needs.
func run(from, to string) error {
	f, err := elf.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	section := f.SectionByType(elf.SHT_GNU_VERNEED)
	if section == nil || section.Offset+section.Size > uint64(len(data)) {
		return fmt.Errorf("%s needs no symbol versions", from)
	}
	need := data[section.Offset : section.Offset+section.Size]
	order := f.ByteOrder
	for {
		count := int(order.Uint16(need[2:]))
		aux := need[order.Uint32(need[8:]):]
		for range count {
			order.PutUint16(aux[4:], order.Uint16(aux[4:])|2)
			aux = aux[order.Uint32(aux[12:]):]
		}
		next := order.Uint32(need[12:])
		if next == 0 {
			break
		}
		need = need[next:]
	}
	return os.WriteFile(to, data, 0o755)
}
