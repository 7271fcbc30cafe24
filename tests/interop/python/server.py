"""A gRPC server of another platform: feed.v1.FeedService, on the port that is its argument.

Two feeds are special. Who watches `open` is kept waiting after the posts that were asked for. A post of
`left` comes once a watcher of `open` has gone."""

import sys
import threading
from concurrent import futures

import grpc

from feed.v1 import feed_pb2, feed_pb2_grpc

# No feed has more posts.
LAST = 1000


class Feed(feed_pb2_grpc.FeedServiceServicer):
    def __init__(self):
        self.left = threading.Semaphore(0)

    def Get(self, request, context):
        if request.number < 1:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such post")
        if request.feed == "left" and not self.left.acquire(timeout=context.time_remaining()):
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "they are all there")
        metadata = dict(context.invocation_metadata())
        context.send_initial_metadata((("language", metadata.get("accept-language", "none")),))
        return feed_pb2.Post(feed=request.feed, number=request.number)

    def Watch(self, request, context):
        gone = threading.Event()
        if request.feed == "open":
            leave = lambda: (gone.set(), self.left.release())
            # By now the watcher may be gone already.
            if not context.add_callback(leave):
                leave()
        count = min(request.count, LAST)
        for number in range(1, count + 1):
            yield feed_pb2.Post(feed=request.feed, number=number)
        if request.feed == "open":
            gone.wait()
        if request.fail and count > 0:
            context.abort(grpc.StatusCode.DATA_LOSS, "the feed is torn")

    def Upload(self, requests, context):
        return feed_pb2.UploadResponse(count=sum(1 for _ in requests))


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    feed_pb2_grpc.add_FeedServiceServicer_to_server(Feed(), server)
    if server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}") == 0:
        sys.exit("the port is taken")
    server.start()
    server.wait_for_termination()


main()
