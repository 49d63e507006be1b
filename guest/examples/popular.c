/* A whole module in C, without a library: it recommends what most users have.
 * page.md beside this file says how to build it, and walks through it. */
#include "../abi/rechost.h"

#define STRING(s) (s), (int32_t)sizeof(s) - 1

/* No task sees what another left, so memory is only ever taken. It starts at a
 * page of 4 KiB, where the host can map an input instead of copying it. */
extern unsigned char __heap_base;
static uintptr_t top;
static void *take(uint64_t bytes) {
  if (top == 0) top = ((uintptr_t)&__heap_base + 4095) & ~(uintptr_t)4095;
  uintptr_t p = top;
  uint64_t end = p + ((bytes + 4095) & ~(uint64_t)4095), have = (uint64_t)__builtin_wasm_memory_size(0) << 16;
  if (end > 0xffff0000u || (end > have && __builtin_wasm_memory_grow(0, (end - have + 65535) >> 16) == (unsigned long)-1))
    rechost_fail(STRING("out of memory"));
  top = end;
  return (void *)p;
}

/* The value of a key of the configuration, or 0. A scan for "key": finds the
 * right place, as this module has no parameters whose text could hold one. */
static const char *value(const char *key) {
  static char *config;
  if (!config) {
    int32_t n = rechost_config_size();
    config = take((uint64_t)n + 1);
    rechost_config_read(config);
    config[n] = 0;
  }
  for (const char *c = config; *c; c++) {
    int k = 0;
    while (key[k] && c[k] == key[k]) k++;
    if (key[k] || c[k] != '"' || c == config || c[-1] != '"') continue;
    for (c += k + 1; *c == ' ' || *c == ':'; c++) {}
    return c;
  }
  return 0;
}

static uint64_t number(const char *key) {
  uint64_t n = 0;
  const char *c = value(key);
  for (; c && *c >= '0' && *c <= '9'; c++) n = 10 * n + (uint64_t)(*c - '0');
  return n;
}

/* Candidates are "each", "all", or the key is not there. */
static int candidates(char kind) { const char *c = value("candidates"); return c && c[1] == kind; }

static void *input(const char *name, int32_t len, struct rechost_info *info) {
  int32_t h = rechost_input_open(name, len);
  if (h < 0) rechost_fail(STRING("an input is missing"));
  rechost_input_info(h, info);
  void *p = take(info->elements * 8);
  rechost_input_read(h, 0, (int64_t)info->elements, p);
  return p;
}

int32_t rechost_abi(void) { return RECHOST_ABI; }

int32_t rechost_describe(void) {
  rechost_describe_as(STRING("{\"name\":\"popular_c\",\"version\":\"1.0.0\",\"summary\":\"what most users have\",\"parameters\":[]}"));
  return 0;
}

#define COUNT "{\"stage\":{\"name\":\"count\",\"over\":\"items\",\"inputs\":[{\"frame\":\"by_item\",\"arrays\":[\"offsets\"],\"bind\":\"aligned\"}]," \
  "\"outputs\":[{\"frame\":\"counts\",\"arrays\":[{\"name\":\"users\",\"dtype\":\"f32\"}]}]}}"
#define RECOMMEND(only) "{\"stage\":{\"name\":\"recommend\",\"over\":\"targets\",\"inputs\":[{\"frame\":\"targets\",\"arrays\":[\"item\"],\"bind\":\"aligned\"}," only \
  "{\"frame\":\"counts\",\"bind\":\"whole\"}],\"outputs\":[{\"frame\":\"recommendations\",\"arrays\":[" \
  "{\"name\":\"item\",\"dtype\":\"u32\",\"per\":\"entry\"},{\"name\":\"score\",\"dtype\":\"f32\",\"per\":\"entry\"}]}]}}"
#define PLAN(only) "{\"steps\":[" COUNT "," RECOMMEND(only) "]}"

int32_t rechost_plan(void) {
  if (candidates('e')) rechost_plan_as(STRING(PLAN("{\"frame\":\"candidates\",\"arrays\":[\"item\"],\"bind\":\"aligned\"},")));
  else if (candidates('a')) rechost_plan_as(STRING(PLAN("{\"frame\":\"candidates\",\"arrays\":[\"item\"],\"bind\":\"whole\"},")));
  else rechost_plan_as(STRING(PLAN("")));
  return 0;
}

/* Over items: how many users each has. */
static void count(void) {
  struct rechost_info info;
  uint64_t *offsets = input(STRING("by_item.offsets"), &info), rows = info.rows - 1;
  float *users = take(4 * rows);
  for (uint64_t r = 0; r < rows; r++) users[r] = (float)(offsets[r + 1] - offsets[r]);
  rechost_output_write(STRING("counts.users"), users, (int32_t)(4 * rows));
}

/* Items by falling score; merging keeps equal ones in their order. */
static uint32_t *ranked(const float *score, uint64_t n) {
  uint32_t *from = take(4 * n), *to = take(4 * n), *t;
  for (uint64_t i = 0; i < n; i++) from[i] = (uint32_t)i;
  for (uint64_t width = 1; width < n; width *= 2, t = from, from = to, to = t)
    for (uint64_t lo = 0; lo < n; lo += 2 * width) {
      uint64_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n, a = lo, b = mid;
      for (uint64_t k = lo; k < hi; k++) to[k] = b == hi || (a < mid && score[from[a]] >= score[from[b]]) ? from[a++] : from[b++];
    }
  return from;
}

/* Over targets: a walk down the ranking for each, past what may not be listed. */
static void recommend(void) {
  struct rechost_info info;
  uint64_t *offsets = input(STRING("targets.offsets"), &info), rows = info.rows - 1, written = 0, *only_offsets = 0;
  uint32_t *own = input(STRING("targets.item"), &info), *only = 0;
  float *users = input(STRING("counts.users"), &info);
  uint64_t items = info.rows, want = number("top"), keep = value("keep_seen") && *value("keep_seen") == 't';
  uint32_t *order = ranked(users, items);
  int each = candidates('e');
  if (value("candidates")) {
    only_offsets = input(STRING("candidates.offsets"), &info);
    only = input(STRING("candidates.item"), &info);
  }
  /* r+1 where it holds for row r. Memory begins as zeros. */
  uint64_t *seen = take(8 * items), *allowed = take(8 * items);
  uint32_t *item = take(4 * want * rows);
  float *score = take(4 * want * rows);
  uint64_t *ends = take(8 * (rows + 1));
  for (uint64_t r = 0; r < rows; r++) {
    for (uint64_t e = offsets[r]; !keep && e < offsets[r + 1]; e++) seen[own[e - offsets[0]]] = r + 1;
    uint64_t c = each ? r : 0;
    for (uint64_t e = only ? only_offsets[c] : 0; only && e < only_offsets[c + 1]; e++) allowed[only[e - only_offsets[0]]] = r + 1;
    for (uint64_t k = 0, n = 0; k < items && n < want; k++) {
      uint32_t i = order[k];
      if (seen[i] == r + 1 || (only && allowed[i] != r + 1)) continue;
      item[written] = i, score[written++] = users[i], n++;
    }
    ends[r + 1] = written;
    rechost_progress((int64_t)r + 1, (int64_t)rows);
  }
  rechost_output_write(STRING("recommendations.offsets"), ends, (int32_t)(8 * (rows + 1)));
  rechost_output_write(STRING("recommendations.item"), item, (int32_t)(4 * written));
  rechost_output_write(STRING("recommendations.score"), score, (int32_t)(4 * written));
}

int32_t rechost_run(int32_t stage) {
  if (stage == 0) count();
  else recommend();
  return 0;
}
