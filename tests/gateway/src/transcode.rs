//! What transcoding one request costs by itself: its route found, its message made, its answer printed.
//! A program of its own, since counting what is allocated costs those who allocate.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

mod contract;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use http::Method;
use prost::Message as _;
use prost_reflect::DescriptorPool;
use prost_types::Timestamp;
use proto::auth::v1 as auth;
use proto::user::v1::User;
use serde::Serialize;
use transcode::{MethodPolicy, Options, Transcoder};

use crate::contract::Tree;

/// How deep the tree is, and how many branches each of its nodes has.
const DEPTH: u32 = 5;
const BRANCHES: usize = 2;

/// Transcode a request and its answer, without a gateway; print what was allocated
#[derive(Debug, Parser)]
#[command(name = "transcode-bench")]
struct Arguments {
    /// Which request; without one their names are printed
    case: Option<String>,
    /// How many times; what is allocated is counted for the last
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    calls: u64,
}

/// A request and the message that answers it.
struct Case {
    name: &'static str,
    method: Method,
    path: &'static str,
    body: String,
    answer: Vec<u8>,
}

/// What one request takes.
#[derive(Debug, Serialize)]
struct Allocated {
    allocations: u64,
    bytes: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let cases = cases();
    let Some(name) = &arguments.case else {
        cases.iter().for_each(|case| println!("{}", case.name));
        return Ok(());
    };
    let case = cases.iter().find(|case| case.name == name);
    let case = case.with_context(|| format!("no request is called {name}"))?;
    let mut pool: DescriptorPool = proto::descriptors().clone();
    pool.decode_file_descriptor_set(&include_bytes!(concat!(env!("OUT_DIR"), "/bench.binpb"))[..])?;
    let services = ["auth.v1.AuthService", "bench.v1.TreeService"];
    let transcoder = Transcoder::new(
        &pool,
        &services,
        |_| Some(MethodPolicy::default()),
        Options::default(),
    )?;
    for _ in 1..arguments.calls {
        once(&transcoder, case)?;
    }
    let mut last = Ok(());
    let counted = allocation_counter::measure(|| last = once(&transcoder, case));
    last?;
    let allocated = Allocated {
        allocations: counted.count_total,
        bytes: counted.bytes_total,
    };
    println!("{}", serde_json::to_string(&allocated)?);
    Ok(())
}

fn once(transcoder: &Transcoder, case: &Case) -> Result<()> {
    let Ok(route) = transcoder.find(&case.method, case.path) else {
        bail!("{} has no route", case.path);
    };
    let form = (!case.body.is_empty()).then_some("application/json");
    let request = route.request(None, form, case.body.as_bytes());
    let request = request.map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let answer = route.response(&case.answer)?;
    // Nothing of it may be left out as of no use.
    std::hint::black_box((request, answer));
    Ok(())
}

fn cases() -> Vec<Case> {
    let user = User {
        id: "018f4e3e-5a8b-7c3d-9f00-3c2a1b0d9e8f".into(),
        email: "ada@example.com".into(),
        name: "Ada Lovelace".into(),
        created_at: Some(Timestamp {
            seconds: 1_767_225_600,
            nanos: 123_000_000,
        }),
        ..User::default()
    };
    // As long as real ones are.
    let (access_token, refresh_token) = ("a".repeat(420), "r".repeat(390));
    let post = |name, path, body: &str, answer| Case {
        name,
        method: Method::POST,
        path,
        body: body.to_owned(),
        answer,
    };
    vec![
        post(
            "register",
            "/api/v1/auth/register",
            r#"{"email":"ada@example.com","password":"correct horse battery","name":"Ada Lovelace"}"#,
            auth::RegisterResponse {
                access_token: access_token.clone(),
                refresh_token: refresh_token.clone(),
                user: Some(user.clone()),
            }
            .encode_to_vec(),
        ),
        post(
            "login",
            "/api/v1/auth/login",
            r#"{"email":"ada@example.com","password":"correct horse battery"}"#,
            auth::LoginResponse {
                access_token: access_token.clone(),
                refresh_token: refresh_token.clone(),
                user: Some(user.clone()),
            }
            .encode_to_vec(),
        ),
        post(
            "refresh",
            "/api/v1/auth/refresh",
            &format!("{{\"refreshToken\":\"{refresh_token}\"}}"),
            auth::RefreshResponse {
                access_token,
                refresh_token: refresh_token.clone(),
                user: Some(user.clone()),
            }
            .encode_to_vec(),
        ),
        Case {
            name: "profile",
            method: Method::GET,
            path: "/api/v1/auth/profile",
            body: String::new(),
            answer: auth::GetProfileResponse { user: Some(user) }.encode_to_vec(),
        },
        post(
            "tree",
            "/api/v1/trees/oak",
            &json(DEPTH),
            tree(DEPTH).encode_to_vec(),
        ),
    ]
}

fn tree(depth: u32) -> Tree {
    let branch = || tree(depth - 1);
    Tree {
        name: format!("level {depth}"),
        branches: if depth == 0 {
            Vec::new()
        } else {
            (0..BRANCHES).map(|_| branch()).collect()
        },
        leaves: [("a".to_owned(), 1), ("b".to_owned(), -1)].into(),
        since: Some(Timestamp {
            seconds: 1_767_225_600,
            nanos: 0,
        }),
    }
}

/// The same tree as a body; the name of its root is in the path.
fn json(depth: u32) -> String {
    let branches: Vec<_> = (0..if depth == 0 { 0 } else { BRANCHES })
        .map(|_| {
            let inner = json(depth - 1);
            format!("{{\"name\":\"level {}\",{}", depth - 1, &inner[1..])
        })
        .collect();
    format!(
        "{{\"branches\":[{}],\"leaves\":{{\"a\":\"1\",\"b\":\"-1\"}},\"since\":\"2026-01-01T00:00:00Z\"}}",
        branches.join(",")
    )
}
