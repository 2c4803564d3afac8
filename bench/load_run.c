/* Throughput and latency: one thread, one epoll loop, every answer checked. */
#include "load.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static const size_t IN_BYTES = 256 * 1024;
static const uint64_t DRAIN_NS_MAX = 30000000000ull;

/* A request that waits for its answer, with what the answer must say. */
struct pending {
  int32_t xid;
  int32_t op;
  uint32_t subject;  /* which znode of the connection */
  int32_t version;
  uint64_t stamp;
  uint64_t sent_ns;
};

/* A znode that one connection alone writes, so that every answer can be foretold. */
struct znode {
  char path[PATH_BYTES_MAX];
  int32_t version;   /* after the last request sent */
  uint64_t stamp;    /* of the last data sent */
};

struct connection {
  struct wire wire;
  uint8_t *out;      /* encoded and not yet sent */
  size_t out_start, out_end;
  uint8_t *in;
  size_t in_start, in_end;
  struct pending *ring;
  unsigned head, count;
  struct znode *znodes;
  uint32_t next, created;
  uint64_t random;
  int64_t zxid;
  char create_path[PATH_BYTES_MAX];
  size_t digits_at;
  bool blocked;
};

struct run {
  const struct options *options;
  struct connection *connections;
  int epoll;
  int32_t op;            /* OP_GET for the mix, too */
  int reads;             /* of the mix: in a hundred; -1 = not a mix */
  unsigned znodes_each;
  long budget;           /* requests that may still be sent */
  long granted;          /* of a rate: requests that were due so far */
  unsigned turn;         /* of a rate: whose turn it is to send */
  bool measuring;
  long answered, mismatches;
  struct histogram histogram;
};

static void mismatch(struct run *run, const char *what, const struct pending *due) {
  run->mismatches++;
  if (run->options->fixed) return;
  fail("op %d, xid %d: wrong %s", due->op, due->xid, what);
}

static const char *created_path(struct connection *connection, uint32_t number) {
  char *at = connection->create_path + connection->digits_at;
  for (int digit = 6; digit >= 0; digit--, number /= 10) at[digit] = (char)('0' + number % 10);
  return connection->create_path;
}

static int32_t choose(struct run *run, struct connection *connection) {
  if (run->reads < 0) return run->op;
  connection->random ^= connection->random << 13;
  connection->random ^= connection->random >> 7;
  connection->random ^= connection->random << 17;
  return connection->random % 100 < (unsigned)run->reads ? OP_GET : OP_SET;
}

static void encode_next(struct run *run, struct connection *connection, uint64_t now) {
  unsigned slot = (connection->head + connection->count) % (unsigned)run->options->window;
  struct pending *due = &connection->ring[slot];
  uint8_t *at = connection->out + connection->out_end;
  size_t size = 0;
  due->op = choose(run, connection);
  due->xid = ++connection->wire.xid & 0x7fffffff;
  due->sent_ns = now;
  if (due->op == OP_CREATE || due->op == OP_DELETE) {
    due->subject = due->op == OP_CREATE ? connection->created++ : connection->next++;
    const char *path = created_path(connection, due->subject);
    size = due->op == OP_CREATE ? encode_create(at, due->xid, path, true)
                                : encode_delete(at, due->xid, path);
  } else {
    due->subject = connection->next++ % run->znodes_each;
    struct znode *znode = &connection->znodes[due->subject];
    if (due->op == OP_SET) {
      znode->stamp++;
      znode->version++;
      size = encode_set(at, due->xid, znode->path, znode->stamp);
    } else {
      size = encode_get(at, due->xid, znode->path, false);
    }
    due->stamp = znode->stamp;
    due->version = znode->version;
  }
  connection->out_end += size;
  connection->count++;
}

static void watch_output(struct run *run, struct connection *connection, bool blocked) {
  if (connection->blocked == blocked) return;
  connection->blocked = blocked;
  struct epoll_event event = {.events = EPOLLIN | (blocked ? EPOLLOUT : 0), .data.ptr = connection};
  epoll_ctl(run->epoll, EPOLL_CTL_MOD, connection->wire.fd, &event);
}

static void flush(struct run *run, struct connection *connection) {
  while (connection->out_start < connection->out_end) {
    ssize_t sent = send(connection->wire.fd, connection->out + connection->out_start,
                        connection->out_end - connection->out_start, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return watch_output(run, connection, true);
    if (sent < 0) fail("send: %s", strerror(errno));
    connection->out_start += (size_t)sent;
  }
  connection->out_start = connection->out_end = 0;
  watch_output(run, connection, false);
}

static void fill_window(struct run *run, struct connection *connection, uint64_t now) {
  if (connection->out_start != 0 || connection->out_end != 0) return; /* Not all sent yet. */
  while (connection->count < (unsigned)run->options->window && run->budget > 0) {
    if (run->op == OP_DELETE && connection->next >= connection->created) break;
    encode_next(run, connection, now);
    run->budget--;
  }
  flush(run, connection);
}

static void check_stat(struct run *run, const struct pending *due, const uint8_t *stat) {
  if (get_int(stat + 32) != due->version) mismatch(run, "version", due);
}

static void check_answer(struct run *run, struct connection *connection, const uint8_t *body,
                         size_t size) {
  const struct pending *due = &connection->ring[connection->head];
  if (connection->count == 0) fail("an answer that nobody asked for");
  if (size < REPLY_HEADER_BYTES) fail("a reply of %zu bytes", size);
  if (get_int(body) != due->xid) fail("xid %d answered, %d due", get_int(body), due->xid);
  if (get_int(body + 12) != 0) fail("op %d: error %d", due->op, get_int(body + 12));
  int64_t zxid = get_long(body + 4);
  if (zxid < connection->zxid) mismatch(run, "zxid, it fell", due);
  connection->zxid = zxid;
  const uint8_t *at = body + REPLY_HEADER_BYTES;
  size -= REPLY_HEADER_BYTES;
  switch (due->op) {
    case OP_GET:
      if (size != 4 + DATA_BYTES + STAT_BYTES || get_int(at) != DATA_BYTES) {
        fail("getData: %zu bytes", size);
      }
      if (!is_data(at + 4, due->stamp)) mismatch(run, "data", due);
      check_stat(run, due, at + 4 + DATA_BYTES);
      break;
    case OP_SET:
      if (size != STAT_BYTES) fail("setData: %zu bytes", size);
      check_stat(run, due, at);
      break;
    case OP_CREATE: {
      const char *path = created_path(connection, due->subject);
      size_t path_bytes = connection->digits_at + 7;
      if (size != 4 + path_bytes || get_int(at) != (int32_t)path_bytes) fail("create: %zu", size);
      if (memcmp(at + 4, path, path_bytes) != 0) mismatch(run, "path", due);
      break;
    }
    default:
      if (size != 0) fail("delete: %zu bytes", size);
  }
}

static void take_answers(struct run *run, struct connection *connection, uint64_t now) {
  while (connection->in_end - connection->in_start >= 4) {
    const uint8_t *frame = connection->in + connection->in_start;
    size_t size = (size_t)(uint32_t)get_int(frame);
    if (size > FRAME_BYTES_MAX) fail("a frame of %zu bytes", size);
    if (connection->in_end - connection->in_start < 4 + size) break;
    check_answer(run, connection, frame + 4, size);
    if (run->measuring) {
      run->answered++;
      histogram_add(&run->histogram, now - connection->ring[connection->head].sent_ns);
    }
    connection->head = (connection->head + 1) % (unsigned)run->options->window;
    connection->count--;
    connection->in_start += 4 + size;
  }
  size_t left = connection->in_end - connection->in_start;
  memmove(connection->in, connection->in + connection->in_start, left);
  connection->in_start = 0;
  connection->in_end = left;
}

static void receive_some(struct run *run, struct connection *connection) {
  ssize_t got = recv(connection->wire.fd, connection->in + connection->in_end,
                     IN_BYTES - connection->in_end, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) fail("the server closed a connection");
  connection->in_end += (size_t)got;
  uint64_t now = now_ns();
  take_answers(run, connection, now);
  fill_window(run, connection, now);
}

/* Lets as many more requests go as are due by now; those of a late wake-up go together. */
static void pace(struct run *run, uint64_t elapsed) {
  long due = (long)((double)elapsed * (double)run->options->rate / 1e9);
  run->budget += due - run->granted;
  run->granted = due;
  for (int i = 0; i < run->options->connections && run->budget > 0; i++) {
    unsigned turn = run->turn++ % (unsigned)run->options->connections;
    fill_window(run, &run->connections[turn], now_ns());
  }
}

/* Runs until the time or the budget is used up and every answer is in; returns seconds measured. */
static double drive(struct run *run, double seconds, double *server_cpu) {
  struct epoll_event events[256];
  double cpu_before = server_cpu_seconds(run->options);
  uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9), measured = 0;
  for (int i = 0; i < run->options->connections; i++) {
    run->connections[i].next = 0;
    fill_window(run, &run->connections[i], start);
  }
  for (;;) {
    unsigned outstanding = 0;
    for (int i = 0; i < run->options->connections; i++) outstanding += run->connections[i].count;
    uint64_t now = now_ns();
    bool idle = outstanding == 0 && run->options->rate == 0;
    if (measured == 0 && (now >= end || idle)) {
      measured = now - start;
      *server_cpu = server_cpu_seconds(run->options) - cpu_before;
      run->measuring = false;
      run->budget = 0;
    }
    if (measured != 0 && outstanding == 0) return (double)measured / 1e9;
    if (measured != 0 && now > end + DRAIN_NS_MAX) fail("%u answers never came", outstanding);
    bool paced = run->options->rate > 0 && measured == 0;
    if (paced) pace(run, now - start);
    int ready = epoll_wait(run->epoll, events, 256, paced ? 1 : 100);
    for (int i = 0; i < ready; i++) {
      struct connection *connection = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) flush(run, connection);
      if (events[i].events & ~(unsigned)EPOLLOUT) receive_some(run, connection);
    }
  }
}

/* Creates the connection's znodes, or adopts those of an earlier run, and learns their versions. */
static void prepare_znodes(struct run *run, struct connection *connection, int index) {
  uint8_t request[REQUEST_BYTES_MAX];
  struct wire *wire = &connection->wire;
  connection->znodes = calloc(run->znodes_each, sizeof(struct znode));
  int32_t first = wire->xid + 1;
  for (unsigned i = 0; i < run->znodes_each; i++) {
    struct znode *znode = &connection->znodes[i];
    snprintf(znode->path, sizeof znode->path, "%s/c%03d/n%04u", run->options->root, index, i);
    wire_send(wire, request, encode_create(request, ++wire->xid, znode->path, true));
    wire_send(wire, request, encode_set(request, ++wire->xid, znode->path, 0));
  }
  for (unsigned i = 0; i < run->znodes_each; i++) {
    int32_t error = wire_reply(wire, first++);
    if (error != 0 && error != ERR_NODE_EXISTS) fail("create: error %d", error);
    if (wire_reply(wire, first++) != 0) fail("setData failed");
    connection->znodes[i].version = get_int(wire->frame + REPLY_HEADER_BYTES + 32);
  }
}

static void open_connection(struct run *run, int index) {
  const struct options *options = run->options;
  struct connection *connection = &run->connections[index];
  int port = options->ports[index % options->port_count];
  if (!wire_open(&connection->wire, port, ANSWER_MS_MAX)) fail("cannot connect");
  if (index == 0) wire_ensure(&connection->wire, options->root);
  snprintf(connection->create_path, PATH_BYTES_MAX, "%s/c%03d", options->root, index);
  wire_ensure(&connection->wire, connection->create_path);
  strcat(connection->create_path, "/n0000000");
  connection->digits_at = strlen(connection->create_path) - 7;
  if (run->op != OP_CREATE) prepare_znodes(run, connection, index);
  connection->out = malloc((size_t)options->window * REQUEST_BYTES_MAX);
  connection->in = malloc(IN_BYTES);
  connection->ring = calloc((size_t)options->window, sizeof(struct pending));
  connection->random = 0x9e3779b97f4a7c15ull * (uint64_t)(index + 1);
  fcntl(connection->wire.fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  epoll_ctl(run->epoll, EPOLL_CTL_ADD, connection->wire.fd, &event);
}

static void close_connections(struct run *run) {
  for (int i = 0; i < run->options->connections; i++) {
    fcntl(run->connections[i].wire.fd, F_SETFL, 0);
    wire_close(&run->connections[i].wire);
  }
}

void run_throughput(const struct options *options) {
  struct run *run = calloc(1, sizeof *run);
  run->options = options;
  run->connections = calloc((size_t)options->connections, sizeof(struct connection));
  run->epoll = epoll_create1(EPOLL_CLOEXEC);
  run->op = strcmp(options->mode, "create") == 0 ? OP_CREATE
            : strcmp(options->mode, "set") == 0 ? OP_SET : OP_GET;
  run->reads = strcmp(options->mode, "mix") == 0 ? options->reads : -1;
  run->znodes_each = (unsigned)(ZNODE_COUNT / options->connections);
  for (int i = 0; i < options->connections; i++) open_connection(run, i);

  double own_before = own_cpu_seconds(), server_cpu = 0, ignored = 0;
  run->budget = options->rate > 0 ? 0 : options->count_max > 0 ? options->count_max : INT64_MAX;
  run->measuring = true;
  double seconds = drive(run, options->seconds, &server_cpu);
  double own_cpu = own_cpu_seconds() - own_before;
  if (run->op == OP_CREATE && !options->keep) {
    run->op = OP_DELETE;
    run->budget = INT64_MAX;
    drive(run, 1e6, &ignored);
  }
  close_connections(run);
  printf("{\"seconds\":%.3f,\"count\":%ld,\"perSecond\":%.1f,\"serverCpuSeconds\":%.2f,"
         "\"generatorCpuSeconds\":%.2f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"p999Us\":%.1f,"
         "\"mismatches\":%ld}\n", seconds, run->answered, (double)run->answered / seconds,
         server_cpu, own_cpu, histogram_us(&run->histogram, 0.5),
         histogram_us(&run->histogram, 0.99), histogram_us(&run->histogram, 0.999),
         run->mismatches);
}
