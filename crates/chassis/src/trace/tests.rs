use super::*;

/// The example of the specification.
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

#[test]
fn what_was_read_is_written_again() {
    let context = TraceContext::extract(&headers(&[("traceparent", PARENT)])).unwrap();
    assert_eq!(context.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    assert_eq!(context.span_id, 0xb7ad_6b71_6920_3331);
    assert_eq!(context.flags, 1);
    assert_eq!(context.traceparent(), PARENT);
}

#[test]
fn a_later_version_is_read_as_far_as_it_is_known() {
    let later = format!("cc{}-what-comes-then", &PARENT[2..]);
    let context = TraceContext::extract(&headers(&[("traceparent", &later)])).unwrap();
    assert_eq!(context.traceparent(), PARENT);
}

#[test]
fn what_is_no_trace_context_is_none() {
    for bad in [
        "",
        "00",
        &PARENT[..54],
        &format!("{PARENT}-00"),
        &format!("{PARENT}x"),
        &format!("ff{}", &PARENT[2..]),
        &format!("cc{}.x", &PARENT[2..]),
        &PARENT.to_uppercase(),
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333--01",
        "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
    ] {
        let headers = headers(&[("traceparent", bad), ("tracestate", "a=b")]);
        assert_eq!(TraceContext::extract(&headers), None, "{bad}");
    }
    let twice = headers(&[("traceparent", PARENT), ("traceparent", PARENT)]);
    assert_eq!(TraceContext::extract(&twice), None);
}

#[test]
fn a_call_is_a_child_of_its_callers_span_and_keeps_state_and_baggage() {
    let ids = TraceIds::new(7);
    let headers = headers(&[
        ("traceparent", PARENT),
        ("tracestate", "a=1"),
        ("tracestate", "b=2"),
        ("baggage", "user=x"),
    ]);
    let child = TraceContext::of_call(&headers, &ids);
    assert_eq!(child.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
    assert_ne!(child.span_id, 0xb7ad_6b71_6920_3331);
    let mut written = HeaderMap::new();
    child.inject(&mut written);
    assert_eq!(written["tracestate"], "a=1,b=2");
    assert_eq!(written["baggage"], "user=x");
    assert!(written["traceparent"].to_str().unwrap().ends_with("-01"));
}

#[test]
fn a_call_without_context_begins_a_trace_that_nobody_has_asked_for() {
    let ids = TraceIds::new(7);
    let none = HeaderMap::new();
    let (one, other) = (
        TraceContext::of_call(&none, &ids),
        TraceContext::of_call(&none, &ids),
    );
    assert_ne!(one.trace_id, other.trace_id);
    assert_ne!(one.span_id, other.span_id);
    assert_eq!(one.flags, 0);
}

#[test]
fn state_that_is_too_long_is_left_out() {
    let long = format!("a={}", "x".repeat(LONGEST_STATE));
    let headers = headers(&[("traceparent", PARENT), ("tracestate", &long)]);
    let context = TraceContext::extract(&headers).unwrap();
    assert_eq!(context.headers().count(), 1);
}

#[test]
fn contexts_nest_and_end() {
    let ids = TraceIds::new(7);
    let (outer, inner) = (TraceContext::root(&ids), TraceContext::root(&ids));
    let span = || current().map(|context| context.span_id);
    assert_eq!(span(), None);
    let (mut first, mut second) = (Some(Arc::new(outer.clone())), Some(Arc::new(inner.clone())));
    let entered = enter(&mut first);
    assert_eq!(span(), Some(outer.span_id));
    let within = enter(&mut second);
    assert_eq!(span(), Some(inner.span_id));
    drop(within);
    assert_eq!(span(), Some(outer.span_id));
    drop(entered);
    assert_eq!(span(), None);
    assert!(first.is_some());
}

#[test]
fn headers_are_written_over_only_where_there_is_a_context() {
    let mut headers = headers(&[
        ("traceparent", PARENT),
        ("tracestate", "a=1"),
        ("baggage", "b=2"),
    ]);
    inject(&mut headers);
    assert_eq!(headers["traceparent"], PARENT);
    let root = TraceContext::root(&TraceIds::new(7));
    let mut slot = Some(Arc::new(root.clone()));
    let entered = enter(&mut slot);
    inject(&mut headers);
    drop(entered);
    assert_eq!(headers["traceparent"], root.traceparent().as_str());
    assert!(!headers.contains_key("tracestate"));
    assert!(!headers.contains_key("baggage"));
}
