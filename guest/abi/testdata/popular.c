/* A whole module in C: recommends what most users have. ABI.md walks through it. */
#include "../rechost.h"

#define STRING(s) (s), (int32_t)sizeof(s) - 1

/* A task ends with its instance, so memory is only ever taken. */
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

/* The number after "key": in the configuration; no string in it is made by others. */
static int64_t number(const char *key) {
  int32_t n = rechost_config_size(), i, k;
  char *c = take(n + 1);
  rechost_config_read(c);
  c[n] = 0;
  for (i = 0; i < n; i++) {
    for (k = 0; key[k] && c[i + k] == key[k]; k++) {}
    if (!key[k]) {
      int64_t v = 0;
      for (i += k; c[i] >= '0' && c[i] <= '9'; i++) v = 10 * v + (c[i] - '0');
      return v;
    }
  }
  return 0;
}

static void *input(const char *name, int32_t len, struct rechost_info *info) {
  int32_t h = rechost_input_open(name, len);
  if (h < 0) rechost_fail(STRING("an input is missing"));
  rechost_input_info(h, info);
  void *p = take(info->elements * 8);
  rechost_input_read(h, 0, info->elements, p);
  return p;
}

int32_t rechost_abi(void) { return RECHOST_ABI; }

int32_t rechost_describe(void) {
  rechost_describe_as(STRING("{\"name\":\"popular_c\",\"version\":\"1.0.0\",\"summary\":\"what most users have\",\"parameters\":[]}"));
  return 0;
}

int32_t rechost_plan(void) {
  rechost_plan_as(STRING(
      "{\"steps\":["
      "{\"stage\":{\"name\":\"count\",\"over\":\"items\",\"inputs\":[{\"frame\":\"by_item\",\"arrays\":[\"offsets\"],\"bind\":\"aligned\"}],"
      "\"outputs\":[{\"frame\":\"counts\",\"arrays\":[{\"name\":\"users\",\"dtype\":\"f32\"}]}]}},"
      "{\"stage\":{\"name\":\"recommend\",\"over\":\"targets\",\"inputs\":[{\"frame\":\"targets\",\"arrays\":[\"item\"],\"bind\":\"aligned\"},"
      "{\"frame\":\"counts\",\"bind\":\"whole\"}],\"outputs\":[{\"frame\":\"recommendations\",\"arrays\":["
      "{\"name\":\"item\",\"dtype\":\"u32\",\"per\":\"entry\"},{\"name\":\"score\",\"dtype\":\"f32\",\"per\":\"entry\"}]}]}}]}"));
  return 0;
}

static void count(void) {
  struct rechost_info info;
  uint64_t *offsets = input(STRING("by_item.offsets"), &info), rows = info.rows - 1;
  float *users = take(4 * rows);
  for (uint64_t r = 0; r < rows; r++) users[r] = (float)(offsets[r + 1] - offsets[r]);
  rechost_output_write(STRING("counts.users"), users, (int32_t)(4 * rows));
}

static void recommend(void) {
  struct rechost_info info;
  int64_t want = number("\"top\":");
  uint64_t *offsets = input(STRING("targets.offsets"), &info), rows = info.rows - 1, written = 0;
  uint32_t *own = input(STRING("targets.item"), &info);
  float *users = input(STRING("counts.users"), &info);
  uint64_t items = info.rows;
  unsigned char *skip = take(items);
  rechost_output_write(STRING("recommendations.offsets"), &written, 8);
  for (uint64_t r = 0; r < rows; r++) {
    for (uint64_t i = 0; i < items; i++) skip[i] = 0;
    for (uint64_t e = offsets[r]; e < offsets[r + 1]; e++) skip[own[e - offsets[0]]] = 1;
    for (int64_t k = 0; k < want; k++) {
      uint32_t best = 0xffffffffu;
      for (uint32_t i = 0; i < items; i++)
        if (!skip[i] && (best == 0xffffffffu || users[i] > users[best])) best = i; /* ties: the smaller */
      if (best == 0xffffffffu) break;
      skip[best] = 1;
      rechost_output_write(STRING("recommendations.item"), &best, 4);
      rechost_output_write(STRING("recommendations.score"), &users[best], 4);
      written++;
    }
    rechost_output_write(STRING("recommendations.offsets"), &written, 8);
    rechost_progress((int64_t)r + 1, (int64_t)rows);
  }
}

int32_t rechost_run(int32_t stage) {
  if (stage == 0) count();
  else recommend();
  return 0;
}
