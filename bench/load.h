/* The load generator: shared pieces. Protocol: ZooKeeper client protocol, frames in big-endian. */
#ifndef LOAD_H
#define LOAD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OP_CREATE = 1, OP_DELETE = 2, OP_GET = 4, OP_SET = 5, OP_CLOSE = -11, OP_DESCENDANTS = 104 };
enum { ERR_NODE_EXISTS = -110 };
enum { DATA_BYTES = 100, STAT_BYTES = 68, REPLY_HEADER_BYTES = 16, EVENT_DATA_CHANGED = 3 };
enum { ANSWER_MS_MAX = 60000 };
enum { SERVERS_MAX = 16 };
enum { PATH_BYTES_MAX = 96, REQUEST_BYTES_MAX = 320, FRAME_BYTES_MAX = 4096 };
/* The znodes that getData, setData and the mix touch, shared out evenly among connections. */
enum { ZNODE_COUNT = 1024 };

struct options {
  const char *mode;       /* get set mix create watchers first failover */
  const char *root;       /* the znode below which everything happens */
  int ports[SERVERS_MAX]; /* connections go round them */
  int port_count;
  int reads;              /* mix: getData in a hundred requests, the rest are setData */
  int connections;
  int window;             /* requests outstanding on each connection */
  int watchers;           /* connections that watch one znode */
  int rounds;             /* notifications measured */
  double seconds;         /* bound on the measured time */
  long count_max;         /* bound on the measured requests; 0 = none */
  long rate;              /* requests a second, evenly spread; 0 = as fast as answers come */
  long expect;            /* first: descendants that `root` must have; -1 = do not ask */
  int server_pids[SERVERS_MAX]; /* whose CPU time to read, together */
  int server_pid_count;
  int victim;             /* failover: the process to kill */
  bool fixed;             /* a constant-answer server: wrong contents are only counted */
  bool keep;              /* create: leave the znodes in place */
};

/* A blocking connection with an established session. */
struct wire {
  int fd;
  int32_t xid;
  uint8_t frame[FRAME_BYTES_MAX]; /* the body of the last frame read */
  size_t frame_bytes;
};

__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);
uint64_t now_ns(void);
/* Of all servers together. */
double server_cpu_seconds(const struct options *options);
double own_cpu_seconds(void);

static inline int32_t get_int(const uint8_t *at) {
  uint32_t value;
  __builtin_memcpy(&value, at, 4);
  return (int32_t)__builtin_bswap32(value);
}
static inline int64_t get_long(const uint8_t *at) {
  uint64_t value;
  __builtin_memcpy(&value, at, 8);
  return (int64_t)__builtin_bswap64(value);
}
static inline uint8_t *put_int(uint8_t *at, int32_t value) {
  uint32_t swapped = __builtin_bswap32((uint32_t)value);
  __builtin_memcpy(at, &swapped, 4);
  return at + 4;
}
static inline uint8_t *put_long(uint8_t *at, int64_t value) {
  uint64_t swapped = __builtin_bswap64((uint64_t)value);
  __builtin_memcpy(at, &swapped, 8);
  return at + 8;
}
/* Writes a path's length and bytes; returns the end. */
uint8_t *put_path(uint8_t *at, const char *path);
/* The 100 bytes written to znodes: an 8-byte stamp, then a pattern that never changes. */
uint8_t *put_data(uint8_t *at, uint64_t stamp);
bool is_data(const uint8_t *at, uint64_t stamp);

/* Each encodes one whole frame and returns its size. */
size_t encode_create(uint8_t *at, int32_t xid, const char *path, bool with_data);
size_t encode_get(uint8_t *at, int32_t xid, const char *path, bool watch);
size_t encode_set(uint8_t *at, int32_t xid, const char *path, uint64_t stamp);
size_t encode_delete(uint8_t *at, int32_t xid, const char *path);

/* Connects and opens a session; returns false when the server does not answer in time. */
bool wire_open(struct wire *wire, int port, int patience_ms);
void wire_send(struct wire *wire, const uint8_t *bytes, size_t size);
void wire_read(struct wire *wire);
/* Sends one request and reads its answer; returns false when the connection is over or silent. */
bool wire_ask(struct wire *wire, const uint8_t *bytes, size_t size);
/* Reads one reply and checks its xid; returns its error code. */
int32_t wire_reply(struct wire *wire, int32_t xid);
void wire_close(struct wire *wire);
/* Creates a znode without data; an existing one is fine. */
void wire_ensure(struct wire *wire, const char *path);

/* Latencies, in about 1.6 % steps. */
struct histogram {
  uint64_t counts[64 * 64];
  uint64_t total;
};
void histogram_add(struct histogram *histogram, uint64_t ns);
double histogram_us(const struct histogram *histogram, double share);

void run_throughput(const struct options *options);
void run_watchers(const struct options *options);
void run_first(const struct options *options);
void run_failover(const struct options *options);
#endif
