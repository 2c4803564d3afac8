"""Connects by TLS and reads; prints what it got: HOSTS CA CERT KEY PATH SECONDS.

`-` stands for no certificate; it gives up after so many seconds.
"""

import sys

from kazoo.client import KazooClient

hosts, ca, cert, key, path, seconds = sys.argv[1:]
own = {} if cert == "-" else {"certfile": cert, "keyfile": key}
client = KazooClient(hosts=hosts, use_ssl=True, ca=ca, connection_retry={"max_tries": 2}, **own)
try:
    client.start(timeout=int(seconds))
    print(client.get(path)[0].decode())
except Exception as error:
    print(type(error).__name__)
finally:
    client.stop()
    client.close()
