package tui

import "slices"

// drafts are the texts of the requests that were left for another method of the
// server, to be found again.
type drafts struct {
	list []draft // the one that was left last is the last
	size int     // bytes of all texts
}

type draft struct{ path, text string }

// maxDrafts bounds the texts, in bytes.
const maxDrafts = 16 << 20

// keep takes the text in the place of an older one of this path. The oldest ones
// go when there is too much.
func (d *drafts) keep(path, text string) {
	d.take(path)
	d.list = append(d.list, draft{path, text})
	for d.size += len(text); d.size > maxDrafts; {
		d.size -= len(d.list[0].text)
		d.list = slices.Delete(d.list, 0, 1)
	}
}

// take gives the text of this path away, "" if there is none.
func (d *drafts) take(path string) string {
	i := slices.IndexFunc(d.list, func(one draft) bool { return one.path == path })
	if i < 0 {
		return ""
	}
	text := d.list[i].text
	d.size -= len(text)
	d.list = slices.Delete(d.list, i, i+1)
	return text
}
