#![no_main]

use fuzz::{holds, library};
use http::Method;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let route = library().find(&Method::GET, "/v1/search");
    let route = route.expect("the contract has this route");
    if let Ok(message) = route.request(Some(text), None, b"") {
        holds(&message);
    }
});
