//! The adapter in front of a tonic server, in process.

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response, StatusCode, header};
use prost::Message as _;
use prost_reflect::{DynamicMessage, MethodDescriptor, Value};
use serde_json::{Value as Json, json};
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tower::{Service, ServiceExt as _, service_fn};
use transcode::service::RestService;
use transcode::service::answer::{Streaming, stream};
use transcode::{Cursor, MethodPolicy, Options, Transcoder};

use crate::support::{LIBRARY, ok, pool};

/// The messages of one method.
#[derive(Clone)]
struct Dynamic(MethodDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: DynamicMessage, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message
            .encode(to)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<DynamicMessage>, Status> {
        let message = DynamicMessage::decode(self.0.input(), from);
        message
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

fn book(name: &str) -> DynamicMessage {
    let desc = pool().get_message_by_name("library.v1.Book").unwrap();
    let mut book = DynamicMessage::new(desc);
    book.set_field_by_name("name", Value::String(name.to_owned()));
    book
}

fn id(request: &DynamicMessage) -> String {
    request
        .get_field_by_name("id")
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

/// A tonic server of the library: a book has the name of its id, and a stream has it twice. Books `none`
/// and `torn` are missing before and after the first message.
async fn serve(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let name = request.uri().path().rsplit('/').next().unwrap().to_owned();
    let service = pool().get_service_by_name(LIBRARY).unwrap();
    let method = service
        .methods()
        .find(|method| method.name() == name)
        .unwrap();
    assert_eq!(request.headers()[header::CONTENT_TYPE], "application/grpc");
    assert!(!request.headers().contains_key("x-hop"));
    let mut server = tonic::server::Grpc::new(Dynamic(method));
    Ok(match name.as_str() {
        "GetBook" => {
            let get = |request: tonic::Request<DynamicMessage>| async move {
                let id = id(request.get_ref());
                if id == "none" {
                    return Err(Status::not_found("no such book"));
                }
                let mut response = tonic::Response::new(book(&id));
                if let Some(who) = request.metadata().get("authorization") {
                    response.metadata_mut().insert("reader", who.clone());
                }
                Ok(response)
            };
            server.unary(service_fn(get), request).await
        }
        "Watch" => {
            let watch = |request: tonic::Request<DynamicMessage>| async move {
                let id = id(request.get_ref());
                let missing = || Err(Status::not_found("no such book"));
                let messages = match id.as_str() {
                    "none" => vec![missing()],
                    "torn" => vec![Ok(book(&id)), missing()],
                    "empty" => vec![],
                    _ => vec![Ok(book(&id)), Ok(book(&id))],
                };
                Ok(tonic::Response::new(tokio_stream::iter(messages)))
            };
            server.server_streaming(service_fn(watch), request).await
        }
        "Create" => {
            let create = |request: tonic::Request<DynamicMessage>| async move {
                Ok(tonic::Response::new(request.into_inner()))
            };
            server.unary(service_fn(create), request).await
        }
        _ => Status::unimplemented("no such method").into_http(),
    })
}

fn front<S>(service: S) -> RestService<S> {
    let transcoder = Transcoder::new(pool(), &[LIBRARY], ok, Options::default()).unwrap();
    RestService::new(Arc::new(transcoder), pool().clone(), service)
}

async fn ask<S>(front: RestService<S>, request: Request<Body>) -> (Response<()>, String)
where
    RestService<S>: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let Ok(response) = front.oneshot(request).await;
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(axum::body::Body::new(body), 1 << 20)
        .await
        .unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    (Response::from_parts(head, ()), body)
}

fn request(method: &str, target: &str, body: &'static str) -> Request<Body> {
    let body = axum::body::Body::from(body);
    let request = Request::builder().method(method).uri(target);
    request.body(Body::new(body)).unwrap()
}

async fn status_and_json(request: Request<Body>) -> (u16, Json) {
    let (head, body) = ask(front(service_fn(serve)), request).await;
    (head.status().as_u16(), serde_json::from_str(&body).unwrap())
}

fn printed(name: &str) -> Json {
    json!({"name": name, "title": "", "tags": []})
}

#[tokio::test]
async fn a_call_goes_to_the_server_and_its_answer_comes_back() {
    let mut read = request("GET", "/v1/books/7", "");
    let headers = read.headers_mut();
    headers.insert(header::AUTHORIZATION, "Bearer ada".parse().unwrap());
    headers.insert(header::CONNECTION, "close, X-Hop".parse().unwrap());
    headers.insert("x-hop", "1".parse().unwrap());
    let (head, body) = ask(front(service_fn(serve)), read).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()[header::CONTENT_TYPE], "application/json");
    assert_eq!(head.headers()["grpc-metadata-reader"], "Bearer ada");
    assert_eq!(serde_json::from_str::<Json>(&body).unwrap(), printed("7"));

    let (status, body) = status_and_json(request("POST", "/v1/everything", r#"{"i64":7}"#)).await;
    assert_eq!((status, &body["i64"]), (200, &json!("7")));
}

#[tokio::test]
async fn errors_have_one_shape_whoever_found_them() {
    for (method, target, body, status, code) in [
        ("GET", "/v1/books/none", "", 404, 5),
        ("GET", "/nowhere", "", 404, 5),
        ("GET", "/v1/books/%zz", "", 400, 3),
        ("DELETE", "/v1/books/mine", "", 405, 12),
        ("PUT", "/v1/tags", "[]", 501, 12),
        ("POST", "/v1/everything", "[", 400, 3),
        ("GET", "/v1/books/none:watch", "", 404, 5),
    ] {
        let (told, body) = status_and_json(request(method, target, body)).await;
        assert_eq!(told, status, "{method} {target}");
        assert_eq!(body["code"], code, "{method} {target}: {body}");
        assert!(body["message"].is_string() && body["details"].is_array());
    }
    let wrong = request("POST", "/v1/everything", r#"{"i32":"x"}"#);
    let (status, body) = status_and_json(wrong).await;
    assert_eq!(status, 400);
    let details = &body["details"][0];
    assert_eq!(
        details["@type"],
        "type.googleapis.com/google.rpc.BadRequest"
    );
    assert_eq!(details["fieldViolations"][0]["field"], "i32");
}

#[tokio::test]
async fn what_http_asks_of_a_server_is_kept() {
    let (head, _) = ask(
        front(service_fn(serve)),
        request("OPTIONS", "/v1/books/mine", ""),
    )
    .await;
    assert_eq!(head.status(), StatusCode::NO_CONTENT);
    assert_eq!(head.headers()[header::ALLOW], "GET, HEAD, OPTIONS");
    let (head, _) = ask(
        front(service_fn(serve)),
        request("POST", "/v1/books/mine", ""),
    )
    .await;
    assert_eq!(head.headers()[header::ALLOW], "GET, HEAD, OPTIONS");

    let large = request("POST", "/v1/everything", r#"{"id":"too long"}"#);
    let (head, _) = ask(front(service_fn(serve)).with_body_limit(10), large).await;
    assert_eq!(head.status(), StatusCode::PAYLOAD_TOO_LARGE);

    for (name, value, status) in [
        (header::CONTENT_TYPE, "text/plain", 415),
        (header::CONTENT_ENCODING, "gzip", 415),
        (header::CONTENT_ENCODING, "identity", 200),
    ] {
        let mut post = request("POST", "/v1/everything", "{}");
        post.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(status_and_json(post).await.0, status, "{value}");
    }
}

async fn watch(id: &str, accept: &'static str) -> (Response<()>, String) {
    let mut watch = request("GET", &format!("/v1/books/{id}:watch"), "");
    watch
        .headers_mut()
        .insert(header::ACCEPT, accept.parse().unwrap());
    ask(front(service_fn(serve)), watch).await
}

#[tokio::test]
async fn a_stream_comes_in_the_form_that_the_client_likes() {
    let json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    let (head, body) = watch("7", "*/*").await;
    assert_eq!(head.headers()[header::CONTENT_TYPE], "application/json");
    assert_eq!(json(&body), json!([printed("7"), printed("7")]));
    let (_, body) = watch("7", "application/x-ndjson").await;
    assert!(
        body.lines().all(|line| json(line) == printed("7")),
        "{body}"
    );
    let (head, body) = watch("7", "text/event-stream").await;
    assert_eq!(head.headers()[header::CONTENT_TYPE], "text/event-stream");
    assert!(body.ends_with("event: end\ndata: {}\n\n"), "{body}");
    let (head, body) = watch("empty", "*/*").await;
    assert_eq!((head.status().as_u16(), body.as_str()), (200, "[]"));
    let (head, _) = watch("7", "image/png").await;
    assert_eq!(head.status(), StatusCode::NOT_ACCEPTABLE);
    // The status is out, so the error is the last element.
    let (head, body) = watch("torn", "*/*").await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(json(&body)[0], printed("torn"));
    assert_eq!(json(&body)[1]["code"], 5);
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_an_error() {
    let trailers = |status: &'static str| {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", status.parse().unwrap());
        Ok(http_body::Frame::trailers(trailers))
    };
    let undetailed = || {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", "5".parse().unwrap());
        trailers.insert("grpc-status-details-bin", "!".parse().unwrap());
        Ok(http_body::Frame::trailers(trailers))
    };
    let data = |bytes: &'static [u8]| Ok(http_body::Frame::data(bytes::Bytes::from_static(bytes)));
    type Frames = Vec<Result<http_body::Frame<bytes::Bytes>, Status>>;
    let cases: Vec<(Frames, u16)> = vec![
        (vec![data(b"\0\0\0\0\0"), trailers("0")], 200),
        (vec![data(b"\0\0\0"), data(b"\0\0"), trailers("0")], 200),
        (vec![data(b"\0\0\0\0\0")], 500),
        (vec![trailers("0")], 500),
        (
            vec![data(b"\0\0\0\0\0"), data(b"\0\0\0\0\0"), trailers("0")],
            500,
        ),
        (vec![data(b"\0\0\0\0\0\0"), trailers("0")], 500),
        (vec![data(b"\x01\0\0\0\0"), trailers("0")], 500),
        (vec![data(b"\0\xff\xff\xff\xff"), trailers("0")], 500),
        (vec![data(b"\0\0\0\0\x01\xff"), trailers("0")], 500),
        (vec![data(b"\0\0\0\0\0"), trailers("7")], 403),
        (vec![Err(Status::unavailable("gone"))], 503),
        // Details that are no base64: the status is kept without them.
        (vec![data(b"\0\0\0\0\0"), undetailed()], 404),
        (vec![undetailed()], 404),
    ];
    for (index, (frames, status)) in cases.into_iter().enumerate() {
        let frames = Arc::new(std::sync::Mutex::new(Some(frames)));
        let service = service_fn(move |_: Request<Body>| {
            let frames = frames.lock().unwrap().take().unwrap();
            let body = http_body_util::StreamBody::new(tokio_stream::iter(frames));
            async move { Ok::<_, Infallible>(Response::new(Body::new(body))) }
        });
        let (head, body) = ask(front(service), request("GET", "/v1/books/7", "")).await;
        assert_eq!(head.status().as_u16(), status, "{index}: {body}");
    }
    let unreachable = service_fn(|_: Request<Body>| async {
        Err::<Response<Body>, _>(std::io::Error::other("no route to host"))
    });
    let (head, body) = ask(front(unreachable), request("GET", "/v1/books/7", "")).await;
    assert_eq!(head.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!body.contains("no route to host"), "{body}");
}

/// A service that says `tag` before its messages, and `sum` after them with this status.
fn chatty(
    messages: &[&'static [u8]],
    status: &'static str,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    let messages = messages.to_vec();
    service_fn(move |_: Request<Body>| {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", status.parse().unwrap());
        for sum in ["a", "b"] {
            trailers.append("sum", sum.parse().unwrap());
        }
        let data = |bytes: &&'static [u8]| http_body::Frame::data(bytes::Bytes::from_static(bytes));
        let mut frames: Vec<_> = messages.iter().map(data).collect();
        frames.push(http_body::Frame::trailers(trailers));
        let frames = frames.into_iter().map(Ok::<_, Status>);
        let body = http_body_util::StreamBody::new(tokio_stream::iter(frames));
        let mut response = Response::new(Body::new(body));
        let tag = "first".parse().unwrap();
        response.headers_mut().insert("tag", tag);
        async move { Ok(response) }
    })
}

/// The head and the trailers of the answer to whoever sends this `te`.
async fn trailing(
    target: &str,
    te: &'static str,
    messages: &[&'static [u8]],
    status: &'static str,
) -> (Response<String>, Option<http::HeaderMap>) {
    let mut get = request("GET", target, "");
    get.headers_mut().insert(header::TE, te.parse().unwrap());
    let Ok(response) = front(chatty(messages, status)).oneshot(get).await;
    let (head, body) = response.into_parts();
    let body = http_body_util::BodyExt::collect(body).await.unwrap();
    let trailers = body.trailers().cloned();
    let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
    (Response::from_parts(head, text), trailers)
}

const EMPTY: &[u8] = b"\0\0\0\0\0";

#[tokio::test]
async fn trailers_are_for_clients_that_take_them() {
    for te in ["trailers", "gzip;q=0.5, Trailers"] {
        let (answer, trailers) = trailing("/v1/books/7", te, &[EMPTY], "0").await;
        assert_eq!(answer.headers()["trailer"], "grpc-trailer-sum");
        assert_eq!(answer.headers()["grpc-metadata-tag"], "first");
        let trailers = trailers.unwrap();
        let sums: Vec<_> = trailers.get_all("grpc-trailer-sum").iter().collect();
        assert_eq!(sums, ["a", "b"]);
        assert_eq!(trailers.len(), 2, "{trailers:?}");
        assert_eq!(
            serde_json::from_str::<Json>(answer.body()).unwrap(),
            printed("")
        );
    }
    for te in ["", "gzip", "no-trailers"] {
        let (answer, trailers) = trailing("/v1/books/7", te, &[EMPTY], "0").await;
        assert_eq!(trailers, None, "{te}");
        assert!(!answer.headers().contains_key("trailer"), "{te}");
    }
}

#[tokio::test]
async fn the_trailers_of_a_stream_follow_its_last_message() {
    for messages in [&[][..], &[EMPTY], &[EMPTY, EMPTY]] {
        for target in ["/v1/books/7:watch", "/v1/books/7:download"] {
            let (answer, trailers) = trailing(target, "trailers", messages, "0").await;
            assert_eq!(answer.status(), 200);
            assert_eq!(trailers.unwrap()["grpc-trailer-sum"], "a", "{target}");
            let (_, none) = trailing(target, "", messages, "0").await;
            assert_eq!(none, None);
        }
    }
}

#[tokio::test]
async fn what_came_before_an_error_and_with_it_are_headers_of_the_answer() {
    for target in ["/v1/books/7", "/v1/books/7:watch"] {
        let (answer, trailers) = trailing(target, "trailers", &[], "5").await;
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.headers()["grpc-metadata-tag"], "first");
        assert_eq!(answer.headers()["grpc-metadata-sum"], "a");
        assert_eq!(trailers, None);
    }
}

#[tokio::test]
async fn a_client_that_comes_again_is_answered_from_where_it_was() {
    let policy = |method: &MethodDescriptor| {
        let cursor = Cursor {
            response_field: "name".into(),
            request_field: "id".into(),
        };
        Some(MethodPolicy {
            cursor: method.is_server_streaming().then_some(cursor),
            ..MethodPolicy::default()
        })
    };
    let library = pool().get_service_by_name(LIBRARY).unwrap();
    let policy = |method: &MethodDescriptor| policy(method).filter(|_| method.name() != "Download");
    let services = [library.full_name()];
    let transcoder = Transcoder::new(pool(), &services, policy, Options::default()).unwrap();
    let front = RestService::new(Arc::new(transcoder), pool().clone(), service_fn(serve));
    let watch = |accept: &str, id: &str| {
        let mut watch = request("GET", "/v1/books/7:watch", "");
        let headers = watch.headers_mut();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        headers.insert("last-event-id", id.parse().unwrap());
        ask(front.clone(), watch)
    };
    let (_, body) = watch("text/event-stream", "9").await;
    assert!(body.starts_with("id: 9\ndata: {\"name\":\"9\""), "{body}");
    // It is a matter of events alone.
    let (_, body) = watch("application/json", "9").await;
    assert_eq!(
        serde_json::from_str::<Json>(&body).unwrap()[0],
        printed("7")
    );
}

#[tokio::test]
async fn an_answer_can_begin_before_its_first_message() {
    use http_body_util::BodyExt as _;
    let (to_body, frames) =
        tokio::sync::mpsc::unbounded_channel::<http_body::Frame<bytes::Bytes>>();
    let frames = tokio_stream::wrappers::UnboundedReceiverStream::new(frames);
    let frames = tokio_stream::StreamExt::map(frames, Ok::<_, Status>);
    let response = Response::new(Body::new(http_body_util::StreamBody::new(frames)));
    let library = crate::support::library();
    let route = library
        .find(&http::Method::GET, "/v1/books/7:watch")
        .unwrap();
    let streaming = Streaming {
        error: |error: transcode::service::answer::ServiceError| error.to_string().into(),
        begins: std::future::ready(()),
        takes_trailers: false,
    };
    let form = transcode::StreamForm::Events;
    let call = std::future::ready(response);
    let (_, begun) = stream(&route, form, call, streaming).await.unwrap();
    assert_eq!(begun.headers()[header::CONTENT_TYPE], "text/event-stream");
    to_body.send(http_body::Frame::data(EMPTY.into())).unwrap();
    drop(to_body);
    let body = begun.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let (message, error) = body.split_once("\n\n").unwrap();
    assert!(message.starts_with("data: {"), "{body}");
    assert!(error.starts_with("event: error\ndata: "), "{body}");
}
