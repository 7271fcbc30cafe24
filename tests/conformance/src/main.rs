//! What protobuf's conformance test runner talks to: routes that take its messages as JSON, and answer
//! with them. The runner asks on standard input and reads answers from standard output, each a length of
//! 4 bytes (little-endian) and a message of `conformance.proto`.
//!
//! The only argument is the folder with the runner's contracts.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use http::Method;
use prost::Message;
use prost_reflect::DescriptorPool;
use transcode::{MethodPolicy, Options, ResponseError, Transcoder};

/// What is converted. Protobuf's editions are not served.
const MESSAGES: [&str; 2] = [
    "protobuf_test_messages.proto2.TestAllTypesProto2",
    "protobuf_test_messages.proto3.TestAllTypesProto3",
];

/// The values of `WireFormat`.
const PROTOBUF: i32 = 1;
const JSON: i32 = 2;

/// The value of `TestCategory` that asks to skip what is unknown.
const IGNORE_UNKNOWN: i32 = 3;

/// `conformance.ConformanceRequest`, as far as it is used here.
#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(bytes = "vec", optional, tag = "1")]
    protobuf: Option<Vec<u8>>,
    #[prost(string, optional, tag = "2")]
    json: Option<String>,
    #[prost(int32, tag = "3")]
    output: i32,
    #[prost(string, tag = "4")]
    message: String,
    #[prost(int32, tag = "5")]
    category: i32,
}

/// `conformance.ConformanceResponse`, of which one field is set.
#[derive(Clone, PartialEq, Message)]
struct Response {
    #[prost(string, optional, tag = "1")]
    parse_error: Option<String>,
    #[prost(bytes = "vec", optional, tag = "3")]
    protobuf: Option<Vec<u8>>,
    #[prost(string, optional, tag = "4")]
    json: Option<String>,
    #[prost(string, optional, tag = "5")]
    skipped: Option<String>,
    #[prost(string, optional, tag = "6")]
    serialize_error: Option<String>,
}

fn main() -> Result<()> {
    let contracts = std::env::args_os().nth(1);
    let contracts = contracts.context("usage: conformance-testee FOLDER")?;
    let transcoder = routes(contracts.as_ref())?;
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    while let Some(request) = read(&mut input)? {
        let answer = answer(&transcoder, request).encode_to_vec();
        output.write_all(&u32::try_from(answer.len())?.to_le_bytes())?;
        output.write_all(&answer)?;
        output.flush()?;
    }
    Ok(())
}

/// A route for each message, `POST /<how>/<message>`, strict and lenient.
fn routes(contracts: &Path) -> Result<Transcoder> {
    let mut testee = "syntax = \"proto3\";\npackage testee;\n\
        import \"google/api/annotations.proto\";\n\
        import \"google/protobuf/test_messages_proto2.proto\";\n\
        import \"google/protobuf/test_messages_proto3.proto\";\n\
        service Testee {\n"
        .to_owned();
    for (number, message) in MESSAGES.iter().enumerate() {
        for how in ["Strict", "Lenient"] {
            writeln!(
                testee,
                "rpc {how}{number}({message}) returns ({message}) \
                 {{ option (google.api.http) = {{ post: \"/{how}/{message}\" body: \"*\" }}; }}"
            )?;
        }
    }
    testee.push('}');
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("testee.proto"), testee)?;
    let api = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let mut compiler = protox::Compiler::new([folder.path(), contracts, &api])?;
    compiler.include_imports(true).open_file("testee.proto")?;
    let set = compiler.encode_file_descriptor_set();
    let pool = DescriptorPool::decode(set.as_slice())?;
    let policy = |method: &prost_reflect::MethodDescriptor| {
        Some(MethodPolicy {
            ignore_unknown_fields: method.name().starts_with("Lenient"),
            ..MethodPolicy::default()
        })
    };
    Ok(Transcoder::new(
        &pool,
        &["testee.Testee"],
        policy,
        Options::default(),
    )?)
}

/// The next request; `None` at the end.
fn read(input: &mut impl Read) -> Result<Option<Request>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let mut bytes = vec![0; usize::try_from(u32::from_le_bytes(length))?];
    input.read_exact(&mut bytes)?;
    Ok(Some(Request::decode(bytes.as_slice())?))
}

fn answer(transcoder: &Transcoder, request: Request) -> Response {
    let skipped = |why: &str| Response {
        skipped: Some(why.to_owned()),
        ..Response::default()
    };
    // At first the runner asks which failures are known, as a message of its own.
    if request.message == "conformance.FailureSet" {
        return Response {
            protobuf: Some(Vec::new()),
            ..Response::default()
        };
    }
    let lenient = request.category == IGNORE_UNKNOWN;
    let how = if lenient { "Lenient" } else { "Strict" };
    let path = format!("/{how}/{}", request.message);
    let Ok(route) = transcoder.find(&Method::POST, &path) else {
        return skipped("this message is not served");
    };
    let message = match (request.json, request.protobuf) {
        (Some(json), _) => match route.request(None, None, json.as_bytes()) {
            // An absent body is an empty message, but no JSON is none.
            Ok(_) if json.is_empty() => Err("an empty text".to_owned()),
            Ok(message) => Ok(message.to_vec()),
            Err(error) => Err(error.to_string()),
        },
        // Between two messages in bytes nothing is transcoded.
        (None, Some(bytes)) if request.output == JSON => Ok(bytes),
        _ => return skipped("this is no transcoding"),
    };
    let message = match message {
        Ok(message) => message,
        Err(error) => {
            return Response {
                parse_error: Some(error),
                ..Response::default()
            };
        }
    };
    if request.output == PROTOBUF {
        return Response {
            protobuf: Some(message),
            ..Response::default()
        };
    }
    match route.response(&message) {
        Ok(answer) => Response {
            json: Some(String::from_utf8_lossy(&answer.body).into_owned()),
            ..Response::default()
        },
        Err(error @ ResponseError::Json { .. }) => Response {
            serialize_error: Some(error.to_string()),
            ..Response::default()
        },
        Err(error) => Response {
            parse_error: Some(error.to_string()),
            ..Response::default()
        },
    }
}
