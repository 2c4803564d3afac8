/* Frames, sessions and blocking calls of the load generator. */
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const int32_t SESSION_TIMEOUT_MS = 40000;

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "load: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
  exit(1);
}

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* User and system time of all threads, living and dead: fields 14 and 15 of proc(5) stat. */
static double cpu_seconds_of(int pid) {
  char name[64], text[1024];
  snprintf(name, sizeof name, "/proc/%d/stat", pid);
  FILE *file = fopen(name, "r");
  if (file == NULL) fail("no process %d", pid);
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = 0;
  const char *fields = strrchr(text, ')'); /* The name before it may hold blanks. */
  unsigned long user = 0, kernel = 0;
  const char *format = ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu";
  if (fields == NULL || sscanf(fields, format, &user, &kernel) != 2) fail("cannot read %s", name);
  return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

double server_cpu_seconds(const struct options *options) {
  double sum = 0;
  for (int i = 0; i < options->server_pid_count; i++) {
    sum += cpu_seconds_of(options->server_pids[i]);
  }
  return sum;
}

double own_cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

uint8_t *put_path(uint8_t *at, const char *path) {
  size_t size = strlen(path);
  at = put_int(at, (int32_t)size);
  memcpy(at, path, size);
  return at + size;
}

static const char PATTERN[] =
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmn";

uint8_t *put_data(uint8_t *at, uint64_t stamp) {
  at = put_long(at, (int64_t)stamp);
  memcpy(at, PATTERN, DATA_BYTES - 8);
  return at + DATA_BYTES - 8;
}

bool is_data(const uint8_t *at, uint64_t stamp) {
  return (uint64_t)get_long(at) == stamp && memcmp(at + 8, PATTERN, DATA_BYTES - 8) == 0;
}

static uint8_t *put_header(uint8_t *frame, int32_t xid, int32_t type) {
  return put_int(put_int(frame + 4, xid), type);
}

static size_t end_frame(uint8_t *frame, const uint8_t *end) {
  put_int(frame, (int32_t)(end - frame - 4));
  return (size_t)(end - frame);
}

size_t encode_create(uint8_t *frame, int32_t xid, const char *path, bool with_data) {
  uint8_t *at = put_path(put_header(frame, xid, OP_CREATE), path);
  at = put_int(at, with_data ? DATA_BYTES : 0);
  if (with_data) at = put_data(at, 0);
  at = put_int(put_int(at, 1), 31); /* One ACL entry: all permissions, ... */
  at = put_path(put_path(at, "world"), "anyone");
  return end_frame(frame, put_int(at, 0)); /* Flags 0: persistent. */
}

size_t encode_get(uint8_t *frame, int32_t xid, const char *path, bool watch) {
  uint8_t *at = put_path(put_header(frame, xid, OP_GET), path);
  *at++ = watch;
  return end_frame(frame, at);
}

size_t encode_set(uint8_t *frame, int32_t xid, const char *path, uint64_t stamp) {
  uint8_t *at = put_path(put_header(frame, xid, OP_SET), path);
  at = put_data(put_int(at, DATA_BYTES), stamp);
  return end_frame(frame, put_int(at, -1));
}

size_t encode_delete(uint8_t *frame, int32_t xid, const char *path) {
  uint8_t *at = put_path(put_header(frame, xid, OP_DELETE), path);
  return end_frame(frame, put_int(at, -1));
}

static bool receive(int fd, uint8_t *into, size_t size) {
  while (size > 0) {
    ssize_t got = recv(fd, into, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into += got;
    size -= (size_t)got;
  }
  return true;
}

static void set_patience(int fd, int ms) {
  struct timeval patience = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

bool wire_open(struct wire *wire, int port, int patience_ms) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  wire->xid = 0;
  wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (wire->fd < 0) fail("socket: %s", strerror(errno));
  int on = 1;
  setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  set_patience(wire->fd, patience_ms);
  if (connect(wire->fd, (struct sockaddr *)&address, sizeof address) != 0) goto refused;
  uint8_t hello[49] = {0}; /* Protocol 0, zxid 0, time-out, session 0, 16 zero bytes, read-only. */
  put_int(hello, 45);
  put_int(hello + 16, SESSION_TIMEOUT_MS);
  put_int(hello + 28, 16);
  if (send(wire->fd, hello, sizeof hello, MSG_NOSIGNAL) != (ssize_t)sizeof hello) goto refused;
  uint8_t answer[41];
  if (!receive(wire->fd, answer, sizeof answer)) goto refused;
  if (get_int(answer) != 37 || get_int(answer + 8) <= 0) fail("the handshake was refused");
  set_patience(wire->fd, ANSWER_MS_MAX);
  return true;
refused:
  close(wire->fd);
  return false;
}

static bool send_whole(struct wire *wire, const uint8_t *bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(wire->fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes += sent;
    size -= (size_t)sent;
  }
  return true;
}

static bool read_frame(struct wire *wire) {
  uint8_t length[4];
  if (!receive(wire->fd, length, 4)) return false;
  wire->frame_bytes = (size_t)get_int(length);
  if (wire->frame_bytes > FRAME_BYTES_MAX) fail("a frame of %zu bytes", wire->frame_bytes);
  return receive(wire->fd, wire->frame, wire->frame_bytes);
}

void wire_send(struct wire *wire, const uint8_t *bytes, size_t size) {
  if (!send_whole(wire, bytes, size)) fail("send: %s", strerror(errno));
}

void wire_read(struct wire *wire) {
  if (!read_frame(wire)) fail("the server closed a connection or fell silent");
}

bool wire_ask(struct wire *wire, const uint8_t *bytes, size_t size) {
  return send_whole(wire, bytes, size) && read_frame(wire);
}

int32_t wire_reply(struct wire *wire, int32_t xid) {
  wire_read(wire);
  if (wire->frame_bytes < REPLY_HEADER_BYTES) fail("a reply of %zu bytes", wire->frame_bytes);
  if (get_int(wire->frame) != xid) fail("xid %d answered, %d due", get_int(wire->frame), xid);
  return get_int(wire->frame + 12);
}

void wire_ensure(struct wire *wire, const char *path) {
  uint8_t request[REQUEST_BYTES_MAX];
  int32_t xid = ++wire->xid;
  wire_send(wire, request, encode_create(request, xid, path, false));
  int32_t error = wire_reply(wire, xid);
  if (error != 0 && error != ERR_NODE_EXISTS) fail("create %s: error %d", path, error);
}

void wire_close(struct wire *wire) {
  uint8_t request[12];
  int32_t xid = ++wire->xid;
  wire_send(wire, request, end_frame(request, put_header(request, xid, OP_CLOSE)));
  if (wire_reply(wire, xid) != 0) fail("closeSession failed");
  close(wire->fd);
}

static unsigned bucket_of(uint64_t ns) {
  if (ns < 64) return (unsigned)ns;
  unsigned octave = 63u - (unsigned)__builtin_clzll(ns);
  return (octave - 5) * 64 + (unsigned)((ns >> (octave - 6)) & 63);
}

void histogram_add(struct histogram *histogram, uint64_t ns) {
  histogram->counts[bucket_of(ns)]++;
  histogram->total++;
}

double histogram_us(const struct histogram *histogram, double share) {
  uint64_t left = (uint64_t)((double)histogram->total * share);
  for (unsigned index = 0; index < 64 * 58; index++) {
    if (histogram->counts[index] > left) {
      if (index < 64) return index / 1e3;
      unsigned octave = index / 64 + 5;
      return (double)((64ull + index % 64) << (octave - 6)) / 1e3;
    }
    left -= histogram->counts[index];
  }
  return 0;
}
