"""Logs in by SASL DIGEST-MD5 and prints `in`, or the name of the error: HOSTS USER PASSWORD.

Kazoo is connected for as long as it takes to log in, so what start() and get() say of a refused
one depends on when they look (a timeout, a closed connection, AuthFailedError): its state tells.
"""

import sys

from kazoo.client import KazooClient
from kazoo.protocol.states import KeeperState

hosts, username, password = sys.argv[1:]
sasl = {"mechanism": "DIGEST-MD5", "username": username, "password": password}
client = KazooClient(hosts=hosts, sasl_options=sasl, connection_retry={"max_tries": 0})
states = []
client.add_listener(lambda _: states.append(client.client_state))
try:
    client.start(timeout=20)
    client.get_async("/mine").get(timeout=20)
    print("in")
except Exception as error:
    refused = KeeperState.AUTH_FAILED in states
    print("AuthFailedError" if refused else type(error).__name__)
finally:
    client.stop()
    client.close()
