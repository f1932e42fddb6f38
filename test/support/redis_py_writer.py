"""Writes keys into a cluster through redis-py until standard input ends; a line per confirmed write.

Usage: redis_py_writer.py <port> [<port> ...]
"""
import sys
import threading
import time

from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import RedisClusterException


def connect():
    nodes = [ClusterNode("127.0.0.1", int(port)) for port in sys.argv[1:]]
    return RedisCluster(startup_nodes=nodes, socket_timeout=1, socket_connect_timeout=1)


def main():
    stop = threading.Event()

    def wait_for_end():
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    client = None
    number = 0
    while not stop.is_set():
        key = "redis-py:%d" % number
        try:
            if client is None:
                client = connect()
            client.set(key, str(number))
            print("ok %s" % key, flush=True)
            number += 1
            time.sleep(0.004)
        except Exception as reason:  # whatever it is, an application would try again
            print("error %s %s" % (type(reason).__name__, reason), flush=True)
            # Version 4.3 cannot read the layout again once it has lost a node it started from.
            if isinstance(reason, RedisClusterException):
                client = None
            time.sleep(0.05)


main()
