package suite

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// environment is env in expressions: a map of variables that are looked up when
// they are asked for. Nothing can list it.
type environment struct {
	lookup func(string) (string, bool)
}

func (e environment) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	v, ok := e.lookup(string(name))
	return types.String(v), ok
}

func (e environment) Get(key ref.Val) ref.Val {
	if v, ok := e.Find(key); ok {
		return v
	}
	return types.NewErr("environment variable %v is not set", key.Value())
}

func (e environment) Contains(key ref.Val) ref.Val {
	_, ok := e.Find(key)
	return types.Bool(ok)
}

func (e environment) Iterator() traits.Iterator {
	return types.NewStringList(types.DefaultTypeAdapter, nil).Iterator()
}

func (e environment) Size() ref.Val { return types.NewErr("the environment cannot be listed") }

func (e environment) Type() ref.Type { return types.MapType }

func (e environment) Value() any { return e }

func (e environment) Equal(ref.Val) ref.Val { return types.False }

func (e environment) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("the environment is not a %v", t)
}

func (e environment) ConvertToType(ref.Type) ref.Val {
	return types.NewErr("the environment cannot be converted")
}
