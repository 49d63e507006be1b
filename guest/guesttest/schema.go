package guesttest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Schema holds a JSON text to a JSON Schema, of which it knows what
// plan.schema.json uses; a keyword that it does not know is an error.
func Schema(schema, text string) error {
	var s, v any
	if err := json.Unmarshal([]byte(schema), &s); err != nil {
		return fmt.Errorf("the schema: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return err
	}
	root, ok := s.(map[string]any)
	if !ok {
		return fmt.Errorf("the schema is no object")
	}
	return (&validator{root}).check(root, v, "")
}

type validator struct{ root map[string]any }

func (c *validator) check(s map[string]any, v any, at string) error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("%s: %s", at+"/", fmt.Sprintf(format, a...))
	}
	object, _ := v.(map[string]any)
	list, _ := v.([]any)
	number, isNumber := v.(float64)
	for _, key := range sorted(s) {
		switch arg := s[key]; key {
		case "$schema", "$id", "title", "description", "$defs":
		case "$ref":
			name, ok := strings.CutPrefix(arg.(string), "#/$defs/")
			def, found := c.root["$defs"].(map[string]any)[name].(map[string]any)
			if !ok || !found {
				return bad("the schema has no %v", arg)
			}
			if err := c.check(def, v, at); err != nil {
				return err
			}
		case "type":
			ok := map[string]bool{"object": object != nil, "array": list != nil, "string": reflect.TypeOf(v) == reflect.TypeFor[string](),
				"integer": isNumber && number == float64(int64(number))}[arg.(string)]
			if !ok {
				return bad("%v is not of type %v", v, arg)
			}
		case "required":
			for _, k := range arg.([]any) {
				if _, ok := object[k.(string)]; !ok {
					return bad("no %v", k)
				}
			}
		case "additionalProperties":
			if arg != false {
				return bad("the schema's additionalProperties is not false")
			}
			for k := range object {
				if _, ok := s["properties"].(map[string]any)[k]; !ok {
					return bad("unknown key %s", k)
				}
			}
		case "properties":
			for _, k := range sorted(object) {
				if p, ok := arg.(map[string]any)[k]; ok {
					if err := c.check(p.(map[string]any), object[k], at+"/"+k); err != nil {
						return err
					}
				}
			}
		case "items":
			for i, x := range list {
				if err := c.check(arg.(map[string]any), x, fmt.Sprintf("%s/%d", at, i)); err != nil {
					return err
				}
			}
		case "enum":
			ok := false
			for _, x := range arg.([]any) {
				ok = ok || x == v
			}
			if !ok {
				return bad("%v is none of %v", v, arg)
			}
		case "pattern":
			if text, ok := v.(string); ok && !regexp.MustCompile(arg.(string)).MatchString(text) {
				return bad("%q does not match %v", text, arg)
			}
		case "minItems", "maxItems", "minProperties", "maxProperties", "minimum", "maximum":
			n, limit := number, arg.(float64)
			if strings.HasSuffix(key, "Items") {
				n = float64(len(list))
			} else if strings.HasSuffix(key, "Properties") {
				n = float64(len(object))
			}
			if strings.HasPrefix(key, "min") && n < limit || strings.HasPrefix(key, "max") && n > limit {
				return bad("%v, but %s is %v", n, key, limit)
			}
		default:
			return bad("the schema's keyword %s is not known here", key)
		}
	}
	return nil
}
