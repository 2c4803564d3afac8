"""The recipes of python3-kazoo, each with two sessions where it takes two to show something."""

import threading

from kazoo_checks import WAIT_S, connect, end, eventually, same

from kazoo.exceptions import LockTimeout
from kazoo.recipe.cache import TreeCache, TreeEvent
from kazoo.recipe.partitioner import PartitionState


def register(check):
    for name, function in RECIPES:
        check(name)(function)


def in_thread(function):
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def joined(thread):
    thread.join(WAIT_S)
    same(thread.is_alive(), False)


def lock(client):
    other = connect()
    held = client.Lock("/lock", "first")
    same(held.acquire(timeout=WAIT_S), True)
    waiting = other.Lock("/lock", "second")
    try:
        waiting.acquire(timeout=0.2)
        raise AssertionError("two sessions hold the lock")
    except LockTimeout:
        pass
    order = []

    def take():
        with waiting:
            order.append("second")

    thread = in_thread(take)
    eventually(held.contenders, ["first", "second"])
    order.append("first")
    held.release()
    joined(thread)
    same(order, ["first", "second"])
    end(other)


def lock_passes_on(client):
    other = connect()
    other.Lock("/lock-of-the-dead").acquire(timeout=WAIT_S)
    end(other)
    same(client.Lock("/lock-of-the-dead").acquire(timeout=WAIT_S), True)


def read_write_lock(client):
    other = connect()
    first, second = client.ReadLock("/rw"), other.ReadLock("/rw")
    same((first.acquire(timeout=WAIT_S), second.acquire(timeout=WAIT_S)), (True, True))
    writer = other.WriteLock("/rw")
    same(writer.acquire(blocking=False), False)
    first.release()
    second.release()
    same(writer.acquire(timeout=WAIT_S), True)
    same(client.ReadLock("/rw").acquire(blocking=False), False)
    writer.release()
    end(other)


def semaphore(client):
    other = connect()
    first = client.Semaphore("/semaphore", max_leases=2)
    second = other.Semaphore("/semaphore", max_leases=2)
    third = other.Semaphore("/semaphore", max_leases=2)
    same((first.acquire(), second.acquire()), (True, True))
    same(third.acquire(blocking=False), False)
    thread = in_thread(third.acquire)
    first.release()
    joined(thread)
    same(third.is_acquired, True)
    end(other)


def election(client):
    other = connect()
    led = []
    release = threading.Event()

    def lead(name, until):
        led.append(name)
        until.wait(WAIT_S)

    first = client.Election("/election", "first")
    second = other.Election("/election", "second")
    one = in_thread(lambda: first.run(lead, "first", release))
    eventually(lambda: list(led), ["first"])
    at_once = threading.Event()
    at_once.set()
    two = in_thread(lambda: second.run(lead, "second", at_once))
    eventually(first.contenders, ["first", "second"])
    same(led, ["first"])
    release.set()
    joined(one)
    joined(two)
    same(led, ["first", "second"])
    end(other)


def barrier(client):
    other = connect()
    gate = client.Barrier("/barrier")
    gate.create()
    same(other.Barrier("/barrier").wait(0.1), False)
    passed = []
    thread = in_thread(lambda: passed.append(other.Barrier("/barrier").wait(WAIT_S)))
    gate.remove()
    joined(thread)
    same(passed, [True])
    end(other)


def double_barrier(client):
    other = connect()
    steps = []
    mine = client.DoubleBarrier("/double", 2, "mine")
    theirs = other.DoubleBarrier("/double", 2, "theirs")

    def follow():
        theirs.enter()
        steps.append("entered")
        theirs.leave()
        steps.append("left")

    thread = in_thread(follow)
    mine.enter()
    eventually(lambda: steps[:1], ["entered"])
    mine.leave()
    joined(thread)
    same(steps, ["entered", "left"])
    end(other)


def counter(client):
    other = connect()
    mine, theirs = client.Counter("/counter", default=5), other.Counter("/counter", default=5)

    def add(which):
        for _ in range(25):
            which.__add__(1)

    threads = [in_thread(lambda each=each: add(each)) for each in (mine, theirs)]
    for thread in threads:
        joined(thread)
    same((mine.value, theirs.value), (55, 55))
    theirs -= 5
    same(mine.value, 50)
    end(other)


def queue(client):
    items = client.Queue("/queue")
    items.put(b"later")
    items.put(b"first", priority=10)
    items.put(b"last")
    same(len(items), 3)
    same([items.get() for _ in range(4)], [b"first", b"later", b"last", None])


def locking_queue(client):
    other = connect()
    mine, theirs = client.LockingQueue("/locking-queue"), other.LockingQueue("/locking-queue")
    mine.put_all([b"a", b"b"])
    same(theirs.get(timeout=WAIT_S), b"a")
    same(mine.get(timeout=WAIT_S), b"b")
    same((theirs.consume(), mine.consume()), (True, True))
    same(len(mine), 0)
    end(other)


def party(client):
    other = connect()
    mine, theirs = client.Party("/party", "mine"), other.Party("/party", "theirs")
    mine.join()
    theirs.join()
    same(sorted(mine), ["mine", "theirs"])
    mine.leave()
    same(list(theirs), ["theirs"])
    end(other)
    eventually(lambda: len(mine), 0)
    shallow = client.ShallowParty("/shallow", "mine")
    shallow.join()
    same(list(shallow), ["mine"])


def data_watch(client):
    other = connect()
    seen = []
    other.DataWatch("/watched", lambda data, stat: seen.append(data))
    same(seen, [None])
    for write in (
        lambda: client.create("/watched", b"a"),
        lambda: client.set("/watched", b"b"),
        lambda: client.delete("/watched"),
    ):
        known = len(seen)
        write()
        eventually(lambda known=known: len(seen) > known, True)
    same(seen, [None, b"a", b"b", None])
    end(other)


def children_watch(client):
    other = connect()
    client.create("/parent")
    seen = []
    other.ChildrenWatch("/parent", lambda names: seen.append(sorted(names)))
    client.create("/parent/a")
    eventually(lambda: seen[-1], ["a"])
    client.create("/parent/b")
    eventually(lambda: seen[-1], ["a", "b"])
    client.delete("/parent/a")
    eventually(lambda: seen[-1], ["b"])
    end(other)


def tree_cache(client):
    other = connect()
    client.create("/cached/a/b", b"x", makepath=True)
    cache = TreeCache(other, "/cached")
    started = threading.Event()
    cache.listen(
        lambda event: started.set() if event.event_type == TreeEvent.INITIALIZED else None
    )
    cache.start()
    same(started.wait(WAIT_S), True)
    same(cache.get_data("/cached/a/b").data, b"x")
    client.set("/cached/a/b", b"y")
    eventually(lambda: cache.get_data("/cached/a/b").data, b"y")
    client.create("/cached/a/c")
    eventually(lambda: cache.get_children("/cached/a"), frozenset(["b", "c"]))
    client.delete("/cached/a", recursive=True)
    eventually(lambda: cache.get_children("/cached"), frozenset())
    cache.close()
    end(other)


def partitioner(client):
    other = connect()
    options = dict(set=("a", "b", "c", "d"), time_boundary=0.3)
    parts = [
        each.SetPartitioner("/partition", identifier=name, **options)
        for each, name in ((client, "mine"), (other, "theirs"))
    ]

    def settle():
        for part in parts:
            if part.state == PartitionState.RELEASE:
                part.release_set()
        acquired = all(part.state == PartitionState.ACQUIRED for part in parts)
        return acquired and sorted(item for part in parts for item in part)

    eventually(settle, ["a", "b", "c", "d"])
    same([len(list(part)) for part in parts], [2, 2])
    for part in parts:
        part.finish()
    end(other)


RECIPES = [
    ("hands a Lock from one session to the next in line", lock),
    ("frees the Lock of a session that ends", lock_passes_on),
    ("shares a ReadLock and keeps a WriteLock alone", read_write_lock),
    ("hands out the leases of a Semaphore", semaphore),
    ("elects one leader after the other", election),
    ("waits at a Barrier", barrier),
    ("enters and leaves a DoubleBarrier together", double_barrier),
    ("counts in two sessions with a Counter", counter),
    ("takes items from a Queue by priority", queue),
    ("consumes each item of a LockingQueue once", locking_queue),
    ("keeps the members of a Party", party),
    ("follows a node with a DataWatch", data_watch),
    ("follows children with a ChildrenWatch", children_watch),
    ("follows a subtree with a TreeCache", tree_cache),
    ("shares a set with a SetPartitioner", partitioner),
]
