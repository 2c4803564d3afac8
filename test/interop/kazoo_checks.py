"""Drives python3-kazoo through every operation it has; `kazoo_test.ts` starts it.

Writes one JSON object a line: first {"plan": [names]}, then {"name", "error"} for each check, and
{"ask": "restart", "cut" or "mend"} when the other side must do something; it answers with a line.

Not here: reconfig, because kazoo 2.8 hangs on a refusal that it does not know
(RECONFIGDISABLED, the answer of every server in its default configuration).
"""

import json
import sys
import threading
import time
import traceback

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    BadVersionError,
    InvalidACLError,
    NoAuthError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.retry import KazooRetry
from kazoo.security import make_acl, make_digest_acl

WAIT_S = 60
HOSTS, PROXY = sys.argv[1], sys.argv[2]
CHECKS = []


def check(name):
    def register(function):
        CHECKS.append((name, function))
        return function

    return register


def say(**message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def ask(what):
    say(ask=what)
    sys.stdin.readline()


def connect(hosts=HOSTS, timeout=20.0, **options):
    retry = KazooRetry(max_tries=-1, delay=0.05, max_delay=0.2)
    client = KazooClient(hosts=hosts, timeout=timeout, connection_retry=retry, **options)
    client.start(timeout=WAIT_S)
    return client


def end(client):
    client.stop()
    client.close()


def raises(error, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except error as caught:
        return caught
    raise AssertionError("%s was not raised" % error.__name__)


def same(actual, expected):
    if actual != expected:
        raise AssertionError("expected %r, got %r" % (expected, actual))


def eventually(read, expected):
    deadline = time.monotonic() + WAIT_S
    while True:
        actual = read()
        if actual == expected:
            return
        if time.monotonic() > deadline:
            same(actual, expected)
        time.sleep(0.02)


class Watch:
    """A watcher that hands its events out in their order."""

    def __init__(self):
        self.events = []
        self.condition = threading.Condition()

    def __call__(self, event):
        with self.condition:
            self.events.append(event)
            self.condition.notify_all()

    def next(self):
        with self.condition:
            if not self.condition.wait_for(lambda: self.events, WAIT_S):
                raise AssertionError("the watch did not fire")
            event = self.events.pop(0)
            return (event.type, event.path)


@check("creates persistent, sequential and ephemeral nodes")
def creates(client):
    same(client.create("/kinds", b"data"), "/kinds")
    same(client.create("/kinds/s-", sequence=True), "/kinds/s-0000000000")
    same(client.create("/kinds/e", ephemeral=True), "/kinds/e")
    path = client.create("/kinds/es-", ephemeral=True, sequence=True)
    same(path, "/kinds/es-0000000002")
    same(client.exists("/kinds/e").owner_session_id, client.client_id[0])
    same(client.exists("/kinds").owner_session_id, None)
    same(client.create("/kinds/deep/er", makepath=True), "/kinds/deep/er")
    raises(NodeExistsError, client.create, "/kinds")
    raises(NoNodeError, client.create, "/nowhere/child")
    raises(NoChildrenForEphemeralsError, client.create, "/kinds/e/child")


@check("creates with the Stat of the new node")
def creates_with_stat(client):
    path, stat = client.create("/with-stat", b"four", include_data=True)
    same((path, stat.version, stat.data_length), ("/with-stat", 0, 4))
    same((stat.czxid, stat.pzxid), (stat.mzxid, stat.czxid))
    same(client.exists("/with-stat"), stat)


@check("gets, sets and deletes with versions")
def versions(client):
    client.create("/data", b"one")
    same(client.set("/data", b"two", version=0).version, 1)
    raises(BadVersionError, client.set, "/data", b"three", version=0)
    data, stat = client.get("/data")
    same((data, stat.version, stat.data_length), (b"two", 1, 3))
    raises(BadVersionError, client.delete, "/data", version=0)
    client.delete("/data", version=1)
    same(client.exists("/data"), None)
    raises(NoNodeError, client.get, "/data")
    raises(NoNodeError, client.set, "/data", b"")
    raises(NoNodeError, client.delete, "/data")


@check("lists children with and without the Stat, and deletes a subtree")
def children(client):
    for path in ("/tree/a/b", "/tree/c"):
        client.create(path, makepath=True)
    same(sorted(client.get_children("/tree")), ["a", "c"])
    names, stat = client.get_children("/tree", include_data=True)
    same((sorted(names), stat.numChildren), (["a", "c"], 2))
    raises(NotEmptyError, client.delete, "/tree")
    client.delete("/tree", recursive=True)
    raises(NoNodeError, client.get_children, "/tree")


@check("takes paths and data of any script")
def unicode_paths(client):
    path = "/\u65e5\u672c\u8a9e-\u00e9"
    client.create(path, "\u00fc".encode())
    same(client.get(path)[0], "\u00fc".encode())
    same(path[1:] in client.get_children("/"), True)


@check("syncs, and reads its own write after it")
def syncs(client):
    client.create("/synced", b"a")
    same(client.sync("/synced"), "/synced")
    same(client.get("/synced")[0], b"a")


@check("commits a transaction as a whole")
def transaction(client):
    batch = client.transaction()
    batch.create("/batch", b"a")
    batch.create("/batch/s-", b"", sequence=True)
    batch.create("/batch/e", b"", ephemeral=True)
    batch.set_data("/batch", b"b", version=0)
    batch.check("/batch", version=1)
    batch.delete("/batch/s-0000000000")
    results = batch.commit()
    same(results[:3], ["/batch", "/batch/s-0000000000", "/batch/e"])
    same((results[3].version, results[4], results[5]), (1, True, True))
    same(client.get_children("/batch"), ["e"])
    same(client.exists("/batch").czxid, client.exists("/batch/e").czxid)


@check("leaves nothing of a transaction that fails, and names the culprit")
def failed_transaction(client):
    batch = client.transaction()
    batch.create("/half")
    batch.check("/", version=99)
    batch.create("/other-half")
    kinds = [type(result) for result in batch.commit()]
    same(kinds, [RolledBackError, BadVersionError, RuntimeInconsistency])
    same(client.exists("/half"), None)


@check("is denied without the digest and allowed with it")
def digest(client):
    owner = connect(auth_data=[("digest", "ann:secret")])
    acl = make_digest_acl("ann", "secret", all=True)
    owner.create("/private", b"hidden", acl=[acl])
    for function in (client.get, client.get_children, client.get_acls):
        raises(NoAuthError, function, "/private")
    raises(NoAuthError, client.set, "/private", b"")
    raises(NoAuthError, client.create, "/private/child")
    same(owner.get("/private")[0], b"hidden")
    acls, stat = owner.get_acls("/private")
    same((acls, stat.aversion), ([acl], 0))
    late = connect()
    raises(NoAuthError, late.get, "/private")
    late.add_auth("digest", "ann:secret")
    same(late.get("/private")[0], b"hidden")
    wrong = connect(auth_data=[("digest", "ann:guess")])
    raises(NoAuthError, wrong.get, "/private")
    for each in (owner, late, wrong):
        end(each)


@check("changes ACLs with their own version")
def acls(client):
    client.create("/acls")
    everyone = make_acl("world", "anyone", read=True, admin=True)
    same(client.set_acls("/acls", [everyone], version=0).aversion, 1)
    raises(BadVersionError, client.set_acls, "/acls", [everyone], version=0)
    raises(NoAuthError, client.set, "/acls", b"")
    same(client.get_acls("/acls")[0], [everyone])
    raises(InvalidACLError, client.set_acls, "/acls", [make_acl("nobody", "x", all=True)])
    local = make_acl("ip", "127.0.0.1", all=True)
    client.create("/by-ip", b"", acl=[local])
    client.set("/by-ip", b"x")


@check("uses default_acl with the auth scheme")
def default_acl(client):
    creator = make_acl("auth", "", all=True)
    owner = connect(auth_data=[("digest", "bob:secret")], default_acl=[creator])
    owner.create("/of-bob", b"")
    same(owner.get_acls("/of-bob")[0], [make_digest_acl("bob", "secret", all=True)])
    raises(NoAuthError, client.get, "/of-bob")
    end(owner)


@check("hears watches on data, children and a missing node")
def watches(client):
    watch = Watch()
    client.create("/seen", b"a")
    client.get("/seen", watch=watch)
    client.set("/seen", b"b")
    same(watch.next(), ("CHANGED", "/seen"))
    same(client.exists("/seen/child", watch=watch), None)
    client.create("/seen/child")
    same(watch.next(), ("CREATED", "/seen/child"))
    client.get_children("/seen", watch=watch)
    client.delete("/seen/child")
    same(watch.next(), ("CHILD", "/seen"))
    client.set("/seen", b"c")
    client.exists("/seen", watch=watch)
    client.delete("/seen")
    same(watch.next(), ("DELETED", "/seen"))
    same(watch.events, [])


@check("hears of another session's change before it can read it")
def order(client):
    other = connect()
    client.create("/order", b"0")
    for value in range(1, 30):
        watch = Watch()
        client.get("/order", watch=watch)
        other.set("/order", b"%d" % value)
        eventually(lambda: client.get("/order")[0], b"%d" % value)
        same(watch.next(), ("CHANGED", "/order"))
    end(other)


@check("gets pipelined answers in order")
def pipeline(client):
    client.create("/pipeline", b"")
    sets = [client.set_async("/pipeline", b"x", version=index) for index in range(300)]
    same([each.get(timeout=WAIT_S).version for each in sets], list(range(1, 301)))


@check("sees paths below its chroot")
def chroot(client):
    inside = connect(HOSTS + "/chroot")
    inside.ensure_path("/a/b")
    same(client.get_children("/chroot"), ["a"])
    same(inside.get_children("/a"), ["b"])
    watch = Watch()
    inside.get("/a", watch=watch)
    client.set("/chroot/a", b"x")
    same(watch.next(), ("CHANGED", "/a"))
    end(inside)


@check("writes and reads almost one megabyte")
def large(client):
    data = b"0123456789" * 104800
    client.create("/large", data)
    same(client.get("/large")[0] == data, True)
    client.set("/large", data[::-1])
    same(client.get("/large")[0] == data[::-1], True)


@check("asks the server's version and four-letter words")
def commands(client):
    same(client.server_version() >= (3, 8), True)
    same(client.command(b"ruok"), "imok")
    same("zk_server_state\tstandalone" in client.command(b"mntr"), True)


@check("takes its ephemeral nodes along when it stops")
def stops(client):
    brief = connect()
    brief.create("/on-stop", ephemeral=True)
    watch = Watch()
    client.exists("/on-stop", watch=watch)
    end(brief)
    same(watch.next(), ("DELETED", "/on-stop"))


@check("re-attaches to a session by its id and password, and not with a wrong one")
def reattaches(client):
    first = connect()
    first.create("/attached", ephemeral=True)
    session, password = first.client_id
    stranger = connect(client_id=(session, b"\1" * 16))
    same(stranger.client_id[0] == session, False)
    second = connect(client_id=(session, password))
    same(second.client_id[0], session)
    same(second.exists("/attached").owner_session_id, session)
    end(second)
    end(first)
    end(stranger)


@check("is told that its session expired, its ephemeral nodes gone")
def expires(client):
    states = []
    lost = KazooClient(
        hosts=PROXY,
        timeout=4.0,
        connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.2),
    )
    lost.add_listener(states.append)
    lost.start(timeout=WAIT_S)
    before = lost.client_id[0]
    lost.create("/on-expiry", ephemeral=True)
    watch = Watch()
    client.exists("/on-expiry", watch=watch)
    ask("cut")
    same(watch.next(), ("DELETED", "/on-expiry"))
    ask("mend")
    eventually(lambda: states[-1] == KazooState.CONNECTED and KazooState.LOST in states, True)
    same(lost.client_id[0] == before, False)
    end(lost)


@check("keeps session and ephemeral nodes over a lost connection")
def reconnects(client):
    states = []
    shaky = KazooClient(
        hosts=PROXY,
        timeout=20.0,
        connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.2),
    )
    shaky.add_listener(states.append)
    shaky.start(timeout=WAIT_S)
    before = shaky.client_id[0]
    shaky.create("/shaky", ephemeral=True)
    ask("cut")
    eventually(lambda: states[-1], KazooState.SUSPENDED)
    ask("mend")
    eventually(lambda: states[-1], KazooState.CONNECTED)
    same(shaky.client_id[0], before)
    same(shaky.exists("/shaky").owner_session_id, before)
    end(shaky)


@check("keeps session, ephemeral nodes and recipes' watches over a restart of the server")
def restarts(client):
    states = []
    kept = connect()
    kept.add_listener(states.append)
    before = kept.client_id[0]
    kept.create("/kept", b"a", ephemeral=True)
    kept.create("/kept-sequence")
    kept.create("/kept-sequence/s-", sequence=True)
    seen = []
    kept.DataWatch("/kept", lambda data, stat: seen.append(data))
    ask("restart")
    eventually(lambda: states[-2:], [KazooState.SUSPENDED, KazooState.CONNECTED])
    same(kept.client_id[0], before)
    same(kept.exists("/kept").owner_session_id, before)
    kept.set("/kept", b"b")
    eventually(lambda: seen[-1], b"b")
    path = kept.create("/kept-sequence/s-", sequence=True)
    same(path, "/kept-sequence/s-0000000001")
    end(kept)
    eventually(lambda: client.retry(client.exists, "/kept"), None)


def main():
    import kazoo_recipes

    kazoo_recipes.register(check)
    say(plan=[name for name, _ in CHECKS])
    client = connect()
    for name, function in CHECKS:
        try:
            function(client)
            say(name=name, error=None)
        except Exception:
            say(name=name, error=traceback.format_exc())
    end(client)


if __name__ == "__main__":
    sys.modules["kazoo_checks"] = sys.modules["__main__"]
    main()
