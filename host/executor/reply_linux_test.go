package executor

import (
	"encoding/json"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"rechost/host/fault"
	"rechost/host/task"
)

// Every reply arrives as it was said.
func TestReplies(t *testing.T) {
	for _, r := range []reply{
		{Kind: msgReady, Walls: []string{wallProcess, "Landlock 7"}},
		{Kind: msgOutput, Output: 3, Size: 1 << 40},
		{Kind: msgDone, Log: []string{"info: a \"quoted\" {word}\n[and] \\ \t, <b>", "", "\u2028 ü"}, Stats: task.Stats{Guest: 7, Memory: 1 << 33}},
		{Kind: msgDone, Emitted: []byte(`{"steps":[]}`)},
		{Kind: msgFailed, Code: fault.Limit, Error: `it says {"kind":"done"}`, Hint: "\\", Stale: true},
	} {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseReply(b)
		if err != nil || !reflect.DeepEqual(*got, r) {
			t.Errorf("%s arrives as %+v, %v", b, got, err)
		}
	}
}

func TestBadReplies(t *testing.T) {
	for _, s := range []string{
		``, `{`, `}`, `[]`, `"kind"`, `null`, `7`, `{}{}`, `{} `, ` {}`, `{"kind":"done"}}`, `{"kind":"done"]`,
		`{"kind":"done","kind":"ready"}`, `{"kind":"done","Kind":"ready"}`, `{"KIND":"done"}`, `{"k\u0069nd":"done"}`, `{"kind" :"done"}`,
		`{"kind":"done","config":"eHg="}`, `{"kind":"done","unknown":1}`, `{"kind":"done","":1}`, `{"kind":7}`,
		`{"stats":{"guest":1,"guest":2}}`, `{"stats":{"guest":1,"more":2}}`, `{"stats":[1]}`, `{"stats":{"guest":{}}}`,
		`{"log":[["x"]]}`, `{"log":[{}]}`, `{"log":{"x":"y"}}`, `{"log":["x"}`, `{"log":["x":"y"]}`, `{"emitted":"*"}`, `{"size":1e40}`, `{"kind":"done`, `{"kind":"\`,
		strings.Repeat("[", 1<<20), strings.Repeat(`{"log":`, 1<<18),
	} {
		if r, err := parseReply([]byte(s)); err == nil {
			t.Errorf("%.60s was taken as %+v", s, r)
		}
	}
}

// What a worker can make its host allocate follows from what it was asked for.
func TestReplyCost(t *testing.T) {
	most := replyMost(task.DefaultLog)
	if most > 4<<20 {
		t.Fatalf("a reply may have %d bytes", most)
	}
	fill := func(head, part, tail string) string {
		return head + strings.Repeat(part, (int(most)-len(head)-len(tail))/len(part)) + tail
	}
	for _, s := range []string{
		fill(`{"log":["x"`, `,""`, `]}`), fill(`{"walls":["x"`, `,""`, `]}`), fill(`{"error":"`, "\\\"", `"}`),
		fill(`{`, `"a":1,`, `"b":1}`), fill(`{`, `[`, `}`), fill(`{"emitted":"`, "AAAA", `"}`), fill(`{"size":1`, "0", `}`),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		parseReply([]byte(s))
		runtime.ReadMemStats(&after)
		t.Logf("%.20s: %d bytes allocated for %d", s, after.TotalAlloc-before.TotalAlloc, len(s))
		if n := int64(after.TotalAlloc - before.TotalAlloc); n > 40*most {
			t.Errorf("%.40s of %d bytes made the host allocate %d", s, len(s), n)
		}
	}
}
