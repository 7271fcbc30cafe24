"""Calls feed.v1.FeedService through a gateway, at the address that is its argument: over REST, gRPC and
gRPC-Web. Prints a line for each promise that is kept and ends at the first that is not."""

import json
import struct
import sys
import urllib.error
import urllib.request

import grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from feed.v1 import feed_pb2, feed_pb2_grpc

ADDRESS = sys.argv[1]


def ok(name, holds, seen):
    if not holds:
        sys.exit(f"{name}: {seen!r}")
    print(f"ok python {name}")


def fetch(path, headers={}, body=None):
    """The status, the headers and the body of an answer."""
    request = urllib.request.Request(f"http://{ADDRESS}{path}", data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


def post(number):
    return {"feed": "a", "number": str(number)}


def rest():
    status, headers, body = fetch("/v1/feeds/a/posts/3", {"accept-language": "sv"})
    ok("a_unary_method_over_rest", (status, json.loads(body)) == (200, post(3)), body)
    ok("metadata_both_ways", headers["grpc-metadata-language"] == "sv", headers)
    status, _, body = fetch("/v1/feeds/a/posts/0")
    error = json.loads(body)
    ok("an_error_over_rest", (status, error["message"]) == (404, "no such post"), body)
    status, _, body = fetch("/v1/feeds/a/posts/x")
    ok("a_bad_field_is_named", status == 400 and b"number" in body, body)
    status, headers, body = fetch("/v1/feeds/a:watch?count=2")
    ok("a_stream_as_an_array", json.loads(body) == [post(1), post(2)], body)
    _, _, body = fetch("/v1/feeds/a:watch?count=2", {"accept": "application/x-ndjson"})
    lines = [json.loads(line) for line in body.splitlines()]
    ok("a_stream_as_lines", lines == [post(1), post(2)], body)
    _, _, body = fetch("/v1/feeds/a:watch?count=1&fail=true", {"accept": "text/event-stream"})
    events = body.decode().split("\n\n")
    torn = events[1].startswith("event: error\n") and "the feed is torn" in events[1]
    ok("a_stream_of_events_that_fails", torn, body)


def native():
    channel = grpc.insecure_channel(ADDRESS)
    feed = feed_pb2_grpc.FeedServiceStub(channel)
    answer = feed.Get(feed_pb2.GetRequest(feed="a", number=3), timeout=20)
    ok("a_unary_method_over_grpc", answer.number == 3, answer)
    try:
        feed.Get(feed_pb2.GetRequest(feed="a"), timeout=20)
        ok("an_error_over_grpc", False, "no error")
    except grpc.RpcError as error:
        seen = (error.code(), error.details())
        ok("an_error_over_grpc", seen == (grpc.StatusCode.NOT_FOUND, "no such post"), seen)
    request = feed_pb2.GetRequest(feed="a" * 2000, number=3)
    answer = feed.Get(request, timeout=20, compression=grpc.Compression.Gzip)
    ok("a_compressed_request_over_grpc", answer.number == 3, answer)
    numbers = [p.number for p in feed.Watch(feed_pb2.WatchRequest(feed="a", count=3), timeout=20)]
    ok("a_stream_over_grpc", numbers == [1, 2, 3], numbers)
    taken = feed.Upload(iter([feed_pb2.Post() for _ in range(4)]), timeout=20)
    ok("a_stream_of_requests_over_grpc", taken.count == 4, taken)
    services = ProtoReflectionDescriptorDatabase(channel).get_services()
    ok("reflection_lists_it", "feed.v1.FeedService" in services, services)
    channel.close()


def web():
    message = feed_pb2.WatchRequest(feed="a", count=2, fail=True).SerializeToString()
    framed = struct.pack(">BI", 0, len(message)) + message
    headers = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
    _, _, body = fetch("/feed.v1.FeedService/Watch", headers, framed)
    numbers, trailers = [], b""
    while body:
        kind, length = struct.unpack(">BI", body[:5])
        part, body = body[5 : 5 + length], body[5 + length :]
        if kind & 0x80:
            trailers = part
        else:
            numbers.append(feed_pb2.Post.FromString(part).number)
    ok("a_stream_over_grpc_web", numbers == [1, 2], numbers)
    ok("its_error_over_grpc_web", b"grpc-status:15" in trailers.replace(b" ", b""), trailers)


def document():
    _, _, body = fetch("/api/openapi.json")
    paths = json.loads(body)["paths"]
    ok("the_document_has_its_routes", "/v1/feeds/{feed}/posts/{number}" in paths, list(paths))


rest()
native()
web()
document()
