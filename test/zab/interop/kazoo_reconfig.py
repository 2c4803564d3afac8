"""Adds a member to an ensemble with python3-kazoo, and writes the members as it is told them.

Arguments: the servers, the line of the new member.
"""

import sys

from kazoo.client import KazooClient

HOSTS, JOINING = sys.argv[1:]
client = KazooClient(hosts=HOSTS, timeout=20.0)
client.start(timeout=30)
client.add_auth("digest", "super:secret")
data, _ = client.reconfig(joining=JOINING, leaving=None, new_members=None)
sys.stdout.write(data.decode("utf-8"))
client.stop()
