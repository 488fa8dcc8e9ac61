package codegen

// emitJavaScript writes a JavaScript module.
func (e *emitter) emitJavaScript() {
	e.value(e.describe(e.file), e.schema(e.file).name, e.fileCall())
	for _, t := range e.file.types() {
		name := e.schema(t).name
		switch t := t.(type) {
		case *message:
			e.value(e.describe(t), name, e.call("messageDesc", &t.element))
		case *enum:
			e.value(e.describe(t), name, e.call("enumDesc", &t.element))
			fn := "tsEnum"
			if e.opts.ErasableSyntax {
				fn = "objEnum"
			}
			e.value(t.doc(), e.shape(t).name, []any{genFunc(fn), "(", e.schema(t), ")"})
		case *service:
			e.value(t.doc(), name, e.call("serviceDesc", &t.element))
		case *field:
			e.value(t.doc(), name, e.call("extDesc", &t.element))
		}
	}
}

func (e *emitter) value(doc, name string, value []any) {
	e.print(docBlock(doc, ""))
	e.print(exported{"const", name}, " = ", pure)
	e.print("  ", value, ";")
	e.print()
}
