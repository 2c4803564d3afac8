"""Logs in by SASL DIGEST-MD5 and prints `in`, or the name of the error: HOSTS USER PASSWORD."""

import sys

from kazoo.client import KazooClient

hosts, username, password = sys.argv[1:]
sasl = {"mechanism": "DIGEST-MD5", "username": username, "password": password}
client = KazooClient(hosts=hosts, sasl_options=sasl, connection_retry={"max_tries": 0})
try:
    client.start(timeout=20)
    client.get("/mine")
    print("in")
except Exception as error:
    print(type(error).__name__)
finally:
    client.stop()
    client.close()
