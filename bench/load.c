/* The load generator of `npm run bench`: see load.h for the options, docs/benchmarks.md for use. */
#include "load.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Reads numbers with commas between them; returns how many. */
static int read_list(int *into, char *words) {
  int count = 0;
  for (char *word = strtok(words, ","); word != NULL; word = strtok(NULL, ",")) {
    if (count == SERVERS_MAX) fail("more than %d servers", SERVERS_MAX);
    into[count++] = atoi(word);
  }
  return count;
}

int main(int count, char **words) {
  struct options options = {.root = "/bench", .connections = 1, .window = 1, .watchers = 1000,
                            .rounds = 50, .seconds = 5, .expect = -1, .reads = 90};
  static const struct option names[] = {
    {"root", 1, 0, 'r'}, {"port", 1, 0, 'p'}, {"connections", 1, 0, 'c'}, {"window", 1, 0, 'w'},
    {"watchers", 1, 0, 'n'}, {"rounds", 1, 0, 'o'}, {"seconds", 1, 0, 's'}, {"count", 1, 0, 'm'},
    {"rate", 1, 0, 'a'}, {"expect", 1, 0, 'e'}, {"server-pid", 1, 0, 'i'}, {"fixed", 0, 0, 'f'},
    {"keep", 0, 0, 'k'}, {"reads", 1, 0, 'd'}, {"kill", 1, 0, 'x'},
    {0, 0, 0, 0}};
  for (int letter; (letter = getopt_long(count, words, "", names, NULL)) != -1;) {
    switch (letter) {
      case 'r': options.root = optarg; break;
      case 'p': options.port_count = read_list(options.ports, optarg); break;
      case 'c': options.connections = atoi(optarg); break;
      case 'w': options.window = atoi(optarg); break;
      case 'n': options.watchers = atoi(optarg); break;
      case 'o': options.rounds = atoi(optarg); break;
      case 's': options.seconds = atof(optarg); break;
      case 'm': options.count_max = atol(optarg); break;
      case 'a': options.rate = atol(optarg); break;
      case 'e': options.expect = atol(optarg); break;
      case 'i': options.server_pid_count = read_list(options.server_pids, optarg); break;
      case 'd': options.reads = atoi(optarg); break;
      case 'x': options.victim = atoi(optarg); break;
      case 'f': options.fixed = true; break;
      case 'k': options.keep = true; break;
      default: return 2;
    }
  }
  if (optind + 1 != count) {
    fail("name one mode: get, set, mix, create, watchers, first or failover");
  }
  if (options.port_count < 1 || options.connections < 1 || options.connections > ZNODE_COUNT ||
      options.window < 1) fail("a number is out of range");
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  options.mode = words[optind];
  if (strcmp(options.mode, "watchers") == 0) run_watchers(&options);
  else if (strcmp(options.mode, "first") == 0) run_first(&options);
  else if (strcmp(options.mode, "failover") == 0) run_failover(&options);
  else run_throughput(&options);
  return 0;
}
