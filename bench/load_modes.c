/* Modes that are not about throughput: notifying many watchers, the first answer of a start, and
 * the first write after the leader of an ensemble was killed. */
#include "load.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* How long whoever waits for notifications sleeps between looks, which bounds the error. It sleeps
 * so that the server need not wake a process for each event: real watchers live elsewhere. */
static const struct timespec LOOK_PAUSE = {.tv_nsec = 100000};
static const struct timespec KNOCK_PAUSE = {.tv_nsec = 2000000};
/* Apache 3.8.0 never answers some connections that arrive while it starts. */
static const int KNOCK_MS_MAX = 200;
/* Writes acknowledged before the leader is killed. */
enum { WRITES_BEFORE = 100 };
/* How long one of several servers is waited for while there is no leader. */
static const int FAILOVER_KNOCK_MS_MAX = 50;

static void check_event(const uint8_t *frame, ssize_t size, const char *path) {
  size_t path_bytes = strlen(path);
  if (size != (ssize_t)(4 + REPLY_HEADER_BYTES + 12 + path_bytes)) {
    fail("an event of %zd bytes", size);
  }
  if (get_int(frame + 4) != -1 || get_int(frame + 16) != 0) fail("a strange event header");
  if (get_int(frame + 20) != EVENT_DATA_CHANGED) fail("event type %d", get_int(frame + 20));
  if (memcmp(frame + 32, path, path_bytes) != 0) fail("an event for another path");
}

/* Lets epoll tell once that a watcher has something to read. */
static void expect_event(int epoll, int operation, const struct wire *watcher) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};
  if (epoll_ctl(epoll, operation, watcher->fd, &event) != 0) fail("epoll_ctl");
}

/* Waits until something has arrived for every watcher; returns when. It is read afterwards: a
 * thousand reads take longer than a thousand watchers on machines of their own would, and a core
 * that belongs to the server. */
static uint64_t await_events(const struct options *options, int epoll) {
  struct epoll_event *ready = calloc((size_t)options->watchers, sizeof *ready);
  uint64_t patience_end = now_ns() + 30000000000ull, seen = 0;
  for (int missing = options->watchers; missing > 0;) {
    nanosleep(&LOOK_PAUSE, NULL);
    int count = epoll_wait(epoll, ready, options->watchers, 0);
    seen = now_ns();
    if (count < 0) fail("epoll_wait");
    missing -= count;
    if (seen > patience_end) fail("%d notifications never came", missing);
  }
  free(ready);
  return seen;
}

/* Reads what has arrived, which must be exactly one whole event for every watcher. */
static void check_events(const struct options *options, const struct wire *watchers) {
  uint8_t frame[FRAME_BYTES_MAX];
  for (int i = 0; i < options->watchers; i++) {
    check_event(frame, recv(watchers[i].fd, frame, sizeof frame, MSG_DONTWAIT), options->root);
  }
}

/* Sets a watch through every connection, and checks that it sees the last data written. */
static void arm(const struct options *options, struct wire *watchers, uint64_t stamp) {
  uint8_t request[REQUEST_BYTES_MAX];
  for (int i = 0; i < options->watchers; i++) {
    struct wire *wire = &watchers[i];
    wire_send(wire, request, encode_get(request, ++wire->xid, options->root, true));
  }
  for (int i = 0; i < options->watchers; i++) {
    struct wire *wire = &watchers[i];
    if (wire_reply(wire, wire->xid) != 0) fail("getData failed");
    if (!options->fixed && !is_data(wire->frame + REPLY_HEADER_BYTES + 4, stamp)) fail("old data");
  }
}

/* Time from just before setData is sent until the last watcher's notification has arrived. */
void run_watchers(const struct options *options) {
  struct wire *watchers = calloc((size_t)options->watchers, sizeof(struct wire));
  struct wire writer;
  struct histogram *histogram = calloc(1, sizeof *histogram);
  uint8_t request[REQUEST_BYTES_MAX];
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (!wire_open(&writer, options->ports[0], ANSWER_MS_MAX)) fail("cannot connect");
  wire_ensure(&writer, options->root);
  for (int i = 0; i < options->watchers; i++) {
    if (!wire_open(&watchers[i], options->ports[0], ANSWER_MS_MAX)) fail("no connection %d", i);
    expect_event(epoll, EPOLL_CTL_ADD, &watchers[i]);
  }
  double cpu_before = server_cpu_seconds(options);
  wire_send(&writer, request, encode_set(request, ++writer.xid, options->root, 0));
  if (wire_reply(&writer, writer.xid) != 0) fail("setData failed");
  for (int round = 0; round < options->rounds; round++) {
    arm(options, watchers, (uint64_t)round);
    for (int i = 0; i < options->watchers; i++) expect_event(epoll, EPOLL_CTL_MOD, &watchers[i]);
    size_t size = encode_set(request, ++writer.xid, options->root, (uint64_t)round + 1);
    uint64_t start = now_ns();
    wire_send(&writer, request, size);
    histogram_add(histogram, await_events(options, epoll) - start);
    check_events(options, watchers);
    if (wire_reply(&writer, writer.xid) != 0) fail("setData failed");
  }
  double server_cpu = server_cpu_seconds(options) - cpu_before;
  arm(options, watchers, (uint64_t)options->rounds); /* An event too many would come before. */
  for (int i = 0; i < options->watchers; i++) wire_close(&watchers[i]);
  wire_close(&writer);
  printf("{\"count\":%d,\"p50Us\":%.1f,\"p99Us\":%.1f,\"serverCpuSeconds\":%.2f}\n",
         options->rounds, histogram_us(histogram, 0.5), histogram_us(histogram, 0.99), server_cpu);
}

/* Knocks until a server answers, then until it shows the expected content; prints when it did. */
void run_first(const struct options *options) {
  struct wire wire;
  uint8_t request[REQUEST_BYTES_MAX];
  uint64_t patience_end = now_ns() + (uint64_t)(options->seconds * 1e9);
  while (!wire_open(&wire, options->ports[0], KNOCK_MS_MAX)) {
    if (now_ns() > patience_end) fail("no answer within %.0f s", options->seconds);
    nanosleep(&KNOCK_PAUSE, NULL);
  }
  wire_send(&wire, request, encode_get(request, ++wire.xid, options->root, false));
  int32_t error = wire_reply(&wire, wire.xid);
  uint64_t answered = now_ns();
  if (error != 0) fail("getData %s: error %d", options->root, error);
  if (options->expect >= 0) {
    uint8_t *end = put_int(put_int(request + 4, ++wire.xid), OP_DESCENDANTS);
    end = put_path(end, options->root);
    put_int(request, (int32_t)(end - request - 4));
    wire_send(&wire, request, (size_t)(end - request));
    if (wire_reply(&wire, wire.xid) != 0) fail("getAllChildrenNumber failed");
    int32_t found = get_int(wire.frame + REPLY_HEADER_BYTES);
    if (found != options->expect) fail("%d znodes, %ld expected", found, options->expect);
  }
  wire_close(&wire);
  printf("{\"answeredNs\":%llu}\n", (unsigned long long)answered);
}

static bool set_once(struct wire *wire, const char *path) {
  uint8_t request[REQUEST_BYTES_MAX];
  int32_t xid = ++wire->xid;
  if (!wire_ask(wire, request, encode_set(request, xid, path, (uint64_t)xid))) return false;
  if (get_int(wire->frame) != xid) fail("xid %d answered, %d due", get_int(wire->frame), xid);
  return wire->frame_bytes >= REPLY_HEADER_BYTES && get_int(wire->frame + 12) == 0;
}

/* Time from the death of the leader until the answer to a write that was sent after it, through any
 * of the servers named. Clients whose connection ends go to the next server, as libraries do. */
void run_failover(const struct options *options) {
  struct wire wire;
  if (!wire_open(&wire, options->ports[0], ANSWER_MS_MAX)) fail("cannot connect");
  wire_ensure(&wire, options->root);
  for (int i = 0; i < WRITES_BEFORE; i++) {
    if (!set_once(&wire, options->root)) fail("setData failed before anything was killed");
  }
  uint64_t killed = now_ns(), patience_end = killed + 30000000000ull;
  if (kill(options->victim, SIGKILL) != 0) fail("no process %d", options->victim);
  bool connected = true;
  for (int turn = 1; !connected || !set_once(&wire, options->root); turn++) {
    if (connected) close(wire.fd);
    if (now_ns() > patience_end) fail("no write was acknowledged for 30 s");
    nanosleep(&KNOCK_PAUSE, NULL);
    int port = options->ports[turn % options->port_count];
    connected = wire_open(&wire, port, FAILOVER_KNOCK_MS_MAX);
  }
  double us = (double)(now_ns() - killed) / 1e3;
  wire_close(&wire);
  printf("{\"count\":1,\"p50Us\":%.1f}\n", us);
}
