"""Creates znodes one after the other with python3-kazoo until its input ends.

Arguments: the servers, the parent of the znodes. Writes one JSON object a line: {"ack", "at"} for
each znode that is there, with the time in ms; last {"kept"}: whether it is still the first session
and its ephemeral znode is there.
"""

import json
import sys
import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionLoss, NodeExistsError, SessionExpiredError
from kazoo.retry import KazooRetry

PAUSE_S = 0.005
HOSTS, ROOT = sys.argv[1], sys.argv[2]
ended = threading.Event()


def say(**message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def await_end():
    sys.stdin.read()
    ended.set()


def make(path, **options):
    while True:
        try:
            return client.create(path, b"", **options)
        except NodeExistsError:
            return path  # By an attempt whose answer was lost.
        except ConnectionLoss:
            pass


retry = KazooRetry(max_tries=-1, delay=0.05, max_delay=0.2)
client = KazooClient(hosts=HOSTS, timeout=20.0, connection_retry=retry)
client.start(timeout=30)
make(ROOT)
make(ROOT + "-alive", ephemeral=True)
session = client.client_id[0]
threading.Thread(target=await_end, daemon=True).start()
expiries = 0
count = 0
while not ended.is_set():
    name = "n%d" % count
    count += 1
    try:
        client.create(ROOT + "/" + name, b"")
        say(ack=name, at=time.time() * 1000)
    except ConnectionLoss:
        pass  # It may be there or not.
    except SessionExpiredError:
        expiries += 1
    time.sleep(PAUSE_S)
stat = client.exists(ROOT + "-alive")
isSame = client.client_id[0] == session and expiries == 0
say(kept=isSame and stat is not None and stat.ephemeralOwner == session)
client.stop()
