//! The records of real clients, and what the servers of their own frameworks answer: see
//! `tests/golden`.

use std::path::Path;

use bytes::Bytes;
use chassis::contract::Contract;
use prost::Message as _;
use serde_json::Value;
use test_contract::echo::{EchoRequest, EchoResponse, NoteRequest};
use test_contract::{ECHO, NOTE};
use tonic::{Code, Status};

use super::{Dialect, Form};
use crate::header;
use crate::keys::KeyRing;
use crate::record::{Outgoing, Received};
use crate::server::address::Address;
use crate::settings::Settings;

const ECHO_METHOD: &str = "/echo.v1.EchoService/Echo";
const NOTE_METHOD: &str = "/echo.v1.NoteService/Note";

/// What the Java client calls itself; no part of the dialect.
const TYPE_ID: &str = "__TypeId__";

/// A stored record.
struct Golden {
    topic: String,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Vec<u8>)>,
}

impl Golden {
    fn read(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let text = std::fs::read(folder.join(format!("{name}.json"))).unwrap();
        let golden: Value = serde_json::from_slice(&text).unwrap();
        let bytes = |value: &Value| value.as_str().map(unhex);
        let header = |header: &Value| {
            let name = header[0].as_str().unwrap().to_owned();
            (name, bytes(&header[1]).unwrap())
        };
        Self {
            topic: golden["topic"].as_str().unwrap().to_owned(),
            key: bytes(&golden["key"]),
            value: bytes(&golden["value"]),
            headers: golden["headers"]
                .as_array()
                .unwrap()
                .iter()
                .map(header)
                .collect(),
        }
    }

    fn received(&self) -> Received<'_> {
        let headers = self.headers.iter();
        Received {
            topic: &self.topic,
            partition: 0,
            offset: 0,
            time_ms: 0,
            key: self.key.as_deref(),
            headers: headers
                .map(|(name, value)| (name.as_str(), value.as_slice()))
                .collect(),
            value: self.value.as_deref().unwrap_or_default(),
        }
    }

    fn dialect(&self) -> Dialect {
        let mut settings = settings();
        settings.trusted_topics = vec![self.topic.clone()];
        Dialect::of(&self.received(), &settings).unwrap()
    }

    /// What the request holds, read as that of a method.
    fn decoded<M: prost::Message + Default>(&self, path: &str) -> M {
        let method = contract().get(path).unwrap().clone();
        let value = self.dialect().decode(&method, self.received().value);
        M::decode(&value.unwrap()[..]).unwrap()
    }

    fn address(&self) -> Address {
        Address::of(&self.received(), self.dialect(), &[]).unwrap()
    }

    /// Our answer to it, with what the server adds for every dialect.
    fn answered(&self, response: Result<EchoResponse, Status>) -> Outgoing {
        let address = self.address();
        let (message, status) = match response {
            Ok(response) => (response.encode_to_vec(), Status::ok("")),
            Err(status) => (Vec::new(), status),
        };
        let mut record = Outgoing::new(address.topic, 0, Bytes::from(message));
        record.header(header::CORRELATION_ID, address.correlation_id);
        let output = contract().get(ECHO_METHOD).unwrap().output();
        let encoded = address.dialect.encode(&mut record, Some(&output), &status);
        encoded.unwrap();
        record
    }

    /// Whether an answer of ours has what this one has, byte for byte.
    fn assert_is_within(&self, ours: &Outgoing) {
        assert_eq!(self.topic, ours.topic);
        let headers = self.headers.iter().filter(|(name, _)| name != TYPE_ID);
        for (name, value) in headers {
            let own = ours.headers.iter().filter(|(own, _)| own == name);
            let own: Vec<_> = own.map(|(_, value)| value).collect();
            assert_eq!(own, [value], "{name}");
        }
        // Where a framework writes null, the value is not looked at.
        if let Some(value) = &self.value {
            assert_eq!(Bytes::copy_from_slice(value), ours.value);
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn settings() -> Settings {
    let keys = KeyRing::parse("k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8").unwrap();
    Settings::new("", "test", keys)
}

fn contract() -> Contract {
    Contract::read(test_contract::echo::descriptors(), &[ECHO, NOTE]).unwrap()
}

fn text(text: &str) -> EchoResponse {
    EchoResponse {
        text: text.to_owned(),
        payload: Vec::new(),
    }
}

#[test]
fn nest_is_answered_as_by_its_own_server() {
    let request = Golden::read("nest/request");
    assert_eq!(request.dialect(), Dialect::Nest(Form::Json));
    assert_eq!(request.address().partition, Some(0));
    let sent: EchoRequest = request.decoded(ECHO_METHOD);
    assert_eq!(sent.text, "héllo ✓");
    let answer = request.answered(Ok(text(&sent.text)));
    Golden::read("nest/reply").assert_is_within(&answer);
}

#[test]
fn nest_raises_what_its_own_server_would_make_it_raise() {
    let request = Golden::read("nest/request_that_fails");
    let sent: EchoRequest = request.decoded(ECHO_METHOD);
    assert_eq!(sent.fail_code, 5);
    let status = Status::new(Code::from_i32(5), sent.text);
    let answer = request.answered(Err(status));
    Golden::read("nest/reply_error").assert_is_within(&answer);
    assert_eq!(answer.value, "{}");
}

#[test]
fn nest_takes_its_envelope_off_by_itself() {
    let request = Golden::read("nest/request_in_an_envelope");
    assert_eq!(request.key.as_deref(), Some(&b"k1"[..]));
    let sent: EchoRequest = request.decoded(ECHO_METHOD);
    assert_eq!(sent.text, "in an envelope");
    let answer = request.answered(Ok(text(&sent.text)));
    Golden::read("nest/reply_in_an_envelope").assert_is_within(&answer);
}

#[test]
fn text_of_nest_that_is_no_json_is_refused_even_if_it_passes_for_protobuf() {
    let mut request = Golden::read("nest/request");
    let method = contract().get(ECHO_METHOD).unwrap().clone();
    for value in ["hi", "7", "[]", "{\"text\":", "null"] {
        request.value = Some(value.into());
        let refused = request.dialect().decode(&method, value.as_bytes());
        assert_eq!(
            refused.unwrap_err().code(),
            Code::InvalidArgument,
            "{value}"
        );
    }
    // An empty text is an empty message, and so is null.
    request.value = None;
    assert_eq!(
        request.decoded::<EchoRequest>(ECHO_METHOD),
        EchoRequest::default()
    );
}

#[test]
fn nest_may_say_that_it_speaks_protobuf() {
    let mut request = Golden::read("nest/request");
    let form = header::PROTOBUF.to_vec();
    request
        .headers
        .push((header::CONTENT_TYPE.to_owned(), form));
    request.value = Some(b"\x0a\x02hi".to_vec());
    assert_eq!(request.dialect(), Dialect::Nest(Form::Protobuf));
    assert_eq!(request.decoded::<EchoRequest>(ECHO_METHOD).text, "hi");
    assert_eq!(request.answered(Ok(text("hi"))).value, &b"\x0a\x02hi"[..]);
}

#[test]
fn events_have_no_header_by_which_to_know_them() {
    for (name, id) in [
        ("nest/event", "n1"),
        ("nest/event_with_a_key", "n2"),
        ("spring/event", "n1"),
        ("spring/event_with_a_key", "n2"),
    ] {
        let event = Golden::read(name);
        assert_eq!(event.dialect(), Dialect::Spring(Form::Json), "{name}");
        assert_eq!(event.decoded::<NoteRequest>(NOTE_METHOD).id, id);
    }
}

#[test]
fn spring_is_answered_as_by_its_own_listener() {
    for (request, reply, partition, sent) in [
        ("request", "reply", None, "héllo ✓"),
        (
            "request_with_a_key_and_a_partition",
            "reply_with_a_key",
            Some(0),
            "keyed",
        ),
        (
            "request_with_a_text_id",
            "reply_to_a_text_id",
            Some(0),
            "text",
        ),
    ] {
        let request = Golden::read(&format!("spring/{request}"));
        assert_eq!(request.dialect(), Dialect::Spring(Form::Json));
        assert_eq!(request.address().partition, partition);
        assert_eq!(request.decoded::<EchoRequest>(ECHO_METHOD).text, sent);
        let answer = request.answered(Ok(text(sent)));
        Golden::read(&format!("spring/{reply}")).assert_is_within(&answer);
        // It would have the client take the reply for what it sent.
        assert!(answer.headers.iter().all(|(name, _)| name != TYPE_ID));
    }
}

#[test]
fn protobuf_of_spring_is_never_taken_for_json() {
    for (name, sent) in [
        ("request_in_protobuf", "héllo ✓".to_owned()),
        // A line feed, a space, a brace: blanks before an object, to a lenient reader.
        (
            "request_in_protobuf_like_json",
            format!("{{{}", "x".repeat(31)),
        ),
    ] {
        let request = Golden::read(&format!("spring/{name}"));
        assert_eq!(request.dialect(), Dialect::Spring(Form::Protobuf), "{name}");
        assert_eq!(request.decoded::<EchoRequest>(ECHO_METHOD).text, sent);
        let answer = request.answered(Ok(text(&sent)));
        assert_eq!(answer.value, text(&sent).encode_to_vec());
        let failed = request.answered(Err(Status::not_found("no such text")));
        assert_eq!(failed.value, "");
    }
}

#[test]
fn an_error_leaves_spring_something_to_decode() {
    let request = Golden::read("spring/request");
    let failed = request.answered(Err(Status::not_found("no such text")));
    assert_eq!(failed.value, "{}");
}

#[test]
fn without_trust_none_of_them_is_read() {
    for name in [
        "nest/request",
        "nest/event",
        "spring/request",
        "spring/event",
    ] {
        let record = Golden::read(name);
        assert!(
            Dialect::of(&record.received(), &settings()).is_err(),
            "{name}"
        );
    }
}
