package message

// yamlDocuments are read as users.
var yamlDocuments = []string{
	"id: a\nroles: [x, y]\n---\nid: b\n",
	"- id: a\n- id: b\n",
	"x: &x {id: q}\nmanager: *x\n",
	"manager: &m\n  id: boss\nreports:\n- *m\n- <<: *m\n  age: 3\n",
	"a: &a [*a]\n",
	"id: |\n  two\n  lines\n",
	"%YAML 1.2\n---\nid: !!str 12\n...\n",
	"age: 0x1F\n", "? id\n: x\n", "", "---\n---\n", "# nothing\n", "\t", "id: \"\\ud83d\\ude00\"", "{", "&a", "*a", "!!x y", "[", "- - - -", "a: b: c", "'", "\"", "|", ">", "%", "@", "`",
}
