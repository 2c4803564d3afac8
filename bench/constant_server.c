/* Answers every request with constant bytes of the right size: what the generator can reach. */
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IN_BYTES = 64 * 1024, OUT_BYTES = 512 * 1024 };
struct client {
  int fd;
  bool greeted, watching, closing;
  size_t in_bytes;
  uint8_t in[IN_BYTES];
  struct client *next;
};
static struct client *clients;
static int watching;
static uint8_t out[OUT_BYTES];

static void send_all(int fd, const uint8_t *bytes, size_t size) {
  while (size > 0) { /* Blocking: the generator always reads. */
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes += sent;
    size -= (size_t)sent;
  }
}

struct share {
  const uint8_t *event;
  size_t size;
  int turn;
};

/* Notifies every second watcher. */
static void *notify_share(void *argument) {
  const struct share *share = argument;
  int turn = share->turn;
  for (struct client *client = clients; client != NULL; client = client->next) {
    if (client->watching && turn++ % 2 == 0) send_all(client->fd, share->event, share->size);
  }
  return NULL;
}

/* Two threads send, as servers of more than one core can. */
static void notify_watchers(const uint8_t *path, size_t path_bytes) {
  if (watching == 0) return;
  watching = 0;
  uint8_t event[256] = {0};
  put_int(event, (int32_t)(REPLY_HEADER_BYTES + 12 + path_bytes));
  put_int(event + 4, -1);
  put_int(event + 20, EVENT_DATA_CHANGED);
  put_int(event + 24, 3);
  put_int(event + 28, (int32_t)path_bytes);
  memcpy(event + 32, path, path_bytes);
  struct share ours = {event, 32 + path_bytes, 0}, theirs = {event, 32 + path_bytes, 1};
  pthread_t helper;
  if (pthread_create(&helper, NULL, notify_share, &theirs) != 0) abort();
  notify_share(&ours);
  pthread_join(helper, NULL);
  for (struct client *client = clients; client != NULL; client = client->next) {
    client->watching = false;
  }
}

/* Encodes the answer to one request; returns its end. */
static uint8_t *answer(struct client *client, const uint8_t *request, size_t size, uint8_t *at) {
  uint8_t *frame = at;
  if (!client->greeted) {
    client->greeted = true;
    memset(at, 0, 41);
    put_int(put_int(at, 37), 0);
    put_int(at + 8, 40000);
    put_long(at + 12, 1);
    put_int(at + 20, 16);
    return at + 41;
  }
  int32_t op = get_int(request + 4);
  size_t path_bytes = size > 12 ? (size_t)get_int(request + 8) : 0;
  at = put_int(put_long(put_int(at + 4, get_int(request)), 1), 0);
  if (op == OP_GET) {
    at = put_data(put_int(at, DATA_BYTES), 0);
    if (request[12 + path_bytes]) client->watching = true, watching++;
  }
  if (op == OP_SET) notify_watchers(request + 12, path_bytes);
  if (op == OP_GET || op == OP_SET) at = (uint8_t *)memset(at, 0, STAT_BYTES) + STAT_BYTES;
  if (op == OP_CREATE) at = (uint8_t *)memcpy(at, request + 8, 4 + path_bytes) + 4 + path_bytes;
  if (op == OP_CLOSE) client->closing = true;
  put_int(frame, (int32_t)(at - frame - 4));
  return at;
}

static void forget(struct client *client) {
  struct client **link = &clients;
  while (*link != client) link = &(*link)->next;
  *link = client->next;
  close(client->fd);
  free(client);
}

static void serve(struct client *client) {
  ssize_t got = recv(client->fd, client->in + client->in_bytes, IN_BYTES - client->in_bytes, 0);
  if (got <= 0) return forget(client);
  client->in_bytes += (size_t)got;
  size_t start = 0;
  uint8_t *end = out;
  while (client->in_bytes - start >= 4) {
    size_t size = (size_t)get_int(client->in + start);
    if (client->in_bytes - start < 4 + size) break;
    end = answer(client, client->in + start + 4, size, end);
    start += 4 + size;
  }
  memmove(client->in, client->in + start, client->in_bytes - start);
  client->in_bytes -= start;
  send_all(client->fd, out, (size_t)(end - out));
  if (client->closing) forget(client);
}

int main(void) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0), on = 1;
  bind(listener, (struct sockaddr *)&address, size);
  if (listen(listener, 1024) != 0) return perror("listen"), 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int ready = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      if (events[i].data.ptr != NULL) {
        serve(events[i].data.ptr);
        continue;
      }
      struct client *client = calloc(1, sizeof *client);
      client->fd = accept(listener, NULL, NULL);
      setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      client->next = clients;
      clients = client;
      event.data.ptr = client;
      epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event);
    }
  }
}
