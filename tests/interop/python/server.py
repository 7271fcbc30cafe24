"""A gRPC server of another platform: feed.v1.FeedService, on the port that is its argument."""

import sys
from concurrent import futures

import grpc

from feed.v1 import feed_pb2, feed_pb2_grpc


class Feed(feed_pb2_grpc.FeedServiceServicer):
    def Get(self, request, context):
        if request.number < 1:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such post")
        metadata = dict(context.invocation_metadata())
        context.send_initial_metadata((("language", metadata.get("accept-language", "none")),))
        return feed_pb2.Post(feed=request.feed, number=request.number)

    def Watch(self, request, context):
        for number in range(1, request.count + 1):
            yield feed_pb2.Post(feed=request.feed, number=number)
        if request.fail:
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
