package testserver

import (
	"net/http"
	"path"
	"strings"
)

// sniffBytes is how much of a file decides over its type.
const sniffBytes = 512

// contentType returns the media type of a file from its first bytes, head, and
// its name. The name decides where the bytes agree with many types. The types of
// names are a list of our own: that of package mime differs between machines.
func contentType(filename string, head []byte) string {
	found := http.DetectContentType(head)
	media, _, _ := strings.Cut(found, ";")
	switch media {
	case "application/octet-stream", "application/zip", "text/plain", "text/xml", "video/mp4":
		if named := typeOfName(filename); named != "" {
			return named
		}
	}
	return found
}

func typeOfName(filename string) string {
	switch strings.ToLower(path.Ext(filename)) {
	case ".txt", ".log":
		return "text/plain"
	case ".md":
		return "text/markdown"
	case ".csv":
		return "text/csv"
	case ".html", ".htm":
		return "text/html"
	case ".css":
		return "text/css"
	case ".js", ".mjs":
		return "text/javascript"
	case ".xml":
		return "application/xml"
	case ".svg":
		return "image/svg+xml"
	case ".json":
		return "application/json"
	case ".yaml", ".yml":
		return "application/yaml"
	case ".pdf":
		return "application/pdf"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".png":
		return "image/png"
	case ".gif":
		return "image/gif"
	case ".mp4":
		return "video/mp4"
	case ".mp3":
		return "audio/mpeg"
	case ".zip":
		return "application/zip"
	case ".gz":
		return "application/gzip"
	case ".tar":
		return "application/x-tar"
	case ".wasm":
		return "application/wasm"
	case ".docx":
		return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	return ""
}
