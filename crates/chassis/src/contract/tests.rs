use super::*;

/// A pool with one service `t.v1.TestService` whose body is `rpcs`.
fn pool(rpcs: &str) -> DescriptorPool {
    let dir = std::env::temp_dir().join(format!("contract-{}-{:p}", std::process::id(), rpcs));
    std::fs::create_dir_all(&dir).unwrap();
    let source = format!(
        "syntax = \"proto3\"; package t.v1;
         import \"trolleybus/v1/options.proto\"; import \"google/protobuf/empty.proto\";
         message M {{ string a = 1; }} message Secret {{ M m = 1; string s = 2 [debug_redact = true]; }}
         message Deep {{ repeated Secret secrets = 1; }}
         service TestService {{ {rpcs} }}"
    );
    std::fs::write(dir.join("t.proto"), source).unwrap();
    let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");
    let mut compiler = protox::Compiler::new([dir.to_str().unwrap(), contracts]).unwrap();
    compiler.include_imports(true).open_file("t.proto").unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap()
}

fn faults(rpcs: &str) -> String {
    Contract::read(&pool(rpcs), &["t.v1.TestService"])
        .unwrap_err()
        .faults
        .join("\n")
}

#[test]
fn the_platforms_own_contracts_have_no_fault() {
    let services = [
        "user.v1.UserService",
        "auth.v1.AuthService",
        "notification.v1.NotificationService",
    ];
    let contract = Contract::read(proto::descriptors(), &services).unwrap();
    let find = contract.get("/user.v1.UserService/Find").unwrap();
    assert_eq!(find.topic, "user.find");
    assert_eq!(find.access, Access::Authenticated);
    assert_eq!(find.idempotency, Idempotency::NoSideEffects);
    assert!(!find.sealed);
    let register = contract.get("/user.v1.UserService/Register").unwrap();
    assert_eq!(register.access, Access::Internal);
    assert!(register.sealed);
    let welcome = contract
        .get("/notification.v1.NotificationService/SendWelcome")
        .unwrap();
    assert_eq!(
        (welcome.pattern, welcome.deadline),
        (Pattern::Event, Duration::from_secs(30))
    );
}

#[test]
fn a_method_without_access_or_idempotency_is_refused_with_both_named() {
    let faults = faults("rpc Get(M) returns (M);");
    assert!(
        faults.contains("/t.v1.TestService/Get: declares no access rule"),
        "{faults}"
    );
    assert!(
        faults.contains("/t.v1.TestService/Get: declares no idempotency_level"),
        "{faults}"
    );
}

#[test]
fn services_called_directly_need_to_say_who_may_call_them_and_nothing_of_records() {
    let pool = pool(
        "rpc Get(M) returns (M); rpc Watch(M) returns (stream M); rpc Put(stream M) returns (M);
         rpc Own(M) returns (M) { option (trolleybus.v1.method) = {access: ACCESS_PUBLIC}; }",
    );
    let services = ["t.v1.TestService"];
    let faults = Contract::read_direct(&pool, &services, None)
        .unwrap_err()
        .faults;
    assert_eq!(faults.len(), 3, "{faults:?}");
    assert!(
        faults.iter().all(|fault| fault.contains("access rule")),
        "{faults:?}"
    );
    let access = Some(Access::Authenticated);
    let contract = Contract::read_direct(&pool, &services, access).unwrap();
    let access = |name| {
        contract
            .get(&format!("/t.v1.TestService/{name}"))
            .unwrap()
            .access
    };
    assert_eq!(access("Get"), Access::Authenticated);
    assert_eq!(access("Own"), Access::Public);
    let deadline = |name| {
        contract
            .get(&format!("/t.v1.TestService/{name}"))
            .unwrap()
            .deadline
    };
    assert_eq!(deadline("Get"), DEFAULT_DEADLINE);
    assert_eq!(deadline("Watch"), Duration::from_secs(600));
    let unknown = Contract::read_direct(&pool, &["t.v1.Other"], None).unwrap_err();
    assert_eq!(
        unknown.faults,
        ["t.v1.Other: no such service in the descriptors"]
    );
}

#[test]
fn an_explicit_unknown_idempotency_level_is_a_declaration() {
    let pool = pool(
        "rpc Get(M) returns (M) { option idempotency_level = IDEMPOTENCY_UNKNOWN;
        option (trolleybus.v1.method) = {access: ACCESS_PUBLIC}; }",
    );
    let contract = Contract::read(&pool, &["t.v1.TestService"]).unwrap();
    let get = contract.get("/t.v1.TestService/Get").unwrap();
    assert_eq!(get.idempotency, Idempotency::Unknown);
    assert_eq!(
        (get.topic.as_str(), get.deadline),
        ("test.get", DEFAULT_DEADLINE)
    );
}

#[test]
fn an_event_must_return_empty_and_be_idempotent() {
    let faults = faults(
        "rpc Get(M) returns (M) { option idempotency_level = IDEMPOTENCY_UNKNOWN;
        option (trolleybus.v1.method) = {access: ACCESS_PUBLIC pattern: PATTERN_EVENT}; }",
    );
    assert!(
        faults.contains("must return google.protobuf.Empty"),
        "{faults}"
    );
    assert!(faults.contains("must be IDEMPOTENT"), "{faults}");
}

#[test]
fn two_methods_on_one_topic_are_refused() {
    let faults = faults(
        "rpc A(M) returns (M) { option idempotency_level = IDEMPOTENT;
        option (trolleybus.v1.method) = {access: ACCESS_PUBLIC topic: \"x\"}; }
        rpc B(M) returns (M) { option idempotency_level = IDEMPOTENT;
        option (trolleybus.v1.method) = {access: ACCESS_PUBLIC topic: \"x\"}; }",
    );
    assert!(
        faults.contains("/t.v1.TestService/B: the topic x is that of /t.v1.TestService/A"),
        "{faults}"
    );
}

#[test]
fn a_bad_topic_a_bad_deadline_and_a_bad_status_are_refused() {
    let faults = faults("rpc A(M) returns (M) { option idempotency_level = IDEMPOTENT;
        option (trolleybus.v1.method) = {access: ACCESS_PUBLIC topic: \"a b\" deadline: {seconds: 3600} success_status: 404}; }");
    assert!(faults.contains("a topic that is not one"), "{faults}");
    assert!(faults.contains("deadline outside"), "{faults}");
    assert!(faults.contains("success_status outside"), "{faults}");
}

#[test]
fn a_secret_however_deep_seals_the_method() {
    let options = "{ option idempotency_level = IDEMPOTENT;
        option (trolleybus.v1.method) = {access: ACCESS_PUBLIC}; }";
    let pool = pool(&format!(
        "rpc Open(M) returns (M) {options} rpc Shut(M) returns (Deep) {options}"
    ));
    let contract = Contract::read(&pool, &["t.v1.TestService"]).unwrap();
    assert!(!contract.get("/t.v1.TestService/Open").unwrap().sealed);
    assert!(contract.get("/t.v1.TestService/Shut").unwrap().sealed);
}

#[test]
fn an_unknown_service_is_refused() {
    let error = Contract::read(proto::descriptors(), &["no.Such"]).unwrap_err();
    assert!(
        error.to_string().contains("no.Such: no such service"),
        "{error}"
    );
}

/// One method `Get` with these options, which are not faulty.
fn method(options: &str, rpc: &str) -> Arc<Method> {
    let pool = pool(&format!(
        "rpc Get{rpc} {{ option idempotency_level = IDEMPOTENT;
        option (trolleybus.v1.method) = {{access: ACCESS_PUBLIC {options}}}; }}"
    ));
    let contract = Contract::read(&pool, &["t.v1.TestService"]).unwrap();
    Arc::clone(contract.get("/t.v1.TestService/Get").unwrap())
}

#[test]
fn what_a_method_declares_of_order_room_and_retries_is_read() {
    let plain = method("", "(M) returns (M)");
    assert_eq!((&plain.key, plain.max_in_flight), (&None, None));
    assert_eq!(plain.retry, Retry::Tiers(DEFAULT_PAUSES.to_vec()));
    assert!(!plain.server_streaming && !plain.commit_first);
    let full = method(
        "key: \"a\" max_in_flight: 7 retry: {pauses: [{seconds: 1}, {nanos: 5000000}] in_order: true}",
        "(M) returns (stream M)",
    );
    assert_eq!(full.key.as_ref().unwrap().name(), "a");
    assert_eq!(full.max_in_flight, Some(7));
    let pauses = vec![Duration::from_secs(1), Duration::from_millis(5)];
    assert_eq!(full.retry, Retry::InOrder(pauses));
    assert!(full.server_streaming);
}

#[test]
fn order_streams_and_pauses_that_cannot_be_are_refused() {
    let options = "option idempotency_level = IDEMPOTENCY_UNKNOWN;";
    let faults = faults(&format!(
        "rpc A(Secret) returns (M) {{ option idempotency_level = IDEMPOTENT;
        option (trolleybus.v1.method) = {{access: ACCESS_PUBLIC key: \"m\" commit_first: true}}; }}
        rpc B(stream M) returns (stream M) {{ {options}
        option (trolleybus.v1.method) = {{access: ACCESS_PUBLIC key: \"b\"
        retry: {{pauses: [{{seconds: 86401}}, {{seconds: -1}}]}}}}; }}
        rpc C(Secret) returns (M) {{ option idempotency_level = IDEMPOTENT;
        option (trolleybus.v1.method) = {{access: ACCESS_PUBLIC key: \"s\"}}; }}"
    ));
    for expected in [
        "A: is ordered by m, which is not one string",
        "A: sets commit_first, which is for IDEMPOTENCY_UNKNOWN alone",
        "B: is ordered by b, which is no field of t.v1.M",
        "B: takes a stream of requests",
        "B: answers with a stream, which may have to begin again",
        "B: has a pause between retries outside 1 ms to 24 hours",
        "C: is ordered by s, which is secret",
    ] {
        assert!(faults.contains(expected), "{expected}: {faults}");
    }
}

#[test]
fn what_the_gateway_enforces_is_read() {
    let pool = pool(
        "rpc Get(M) returns (M) { option idempotency_level = NO_SIDE_EFFECTS;
        option (trolleybus.v1.method) = {
            access: ACCESS_AUTHENTICATED roles: [\"admin\", \"support\"]
            scopes: [\"orders.read\", \"https://a/b#c!\"] ignore_unknown_fields: true
            rate_limits: {key: RATE_LIMIT_KEY_IDENTITY requests: 10 period: {seconds: 1} burst: 20}
            rate_limits: {requests: 600}
            cache: {max_age: {seconds: 60}} max_body_bytes: 2000000 }; }",
    );
    let contract = Contract::read(&pool, &["t.v1.TestService"]).unwrap();
    let get = contract.get("/t.v1.TestService/Get").unwrap();
    assert_eq!(get.roles, ["admin", "support"]);
    assert_eq!(get.scopes, ["orders.read", "https://a/b#c!"]);
    let limit = |key, requests, seconds, burst| RateLimit {
        key,
        requests,
        period: Duration::from_secs(seconds),
        burst,
    };
    let expected = [
        limit(RateLimitKey::Identity, 10, 1, 20),
        limit(RateLimitKey::Address, 600, 60, 600),
    ];
    assert_eq!(get.rate_limits, expected);
    let rest = Rest {
        cache: Some(Duration::from_secs(60)),
        max_body: Some(2_000_000),
        ignore_unknown_fields: true,
        ..Rest::default()
    };
    assert_eq!(get.rest, rest);
}

#[test]
fn what_rest_says_of_creations_and_streams_is_read() {
    let pool = pool(
        "rpc Create(M) returns (M) { option idempotency_level = IDEMPOTENT;
        option (trolleybus.v1.method) = {
            access: ACCESS_PUBLIC success_status: 201 location: \"/m/{a}\" }; }
        rpc Watch(M) returns (stream M) { option idempotency_level = NO_SIDE_EFFECTS;
        option (trolleybus.v1.method) = {
            access: ACCESS_PUBLIC cursor: {response_field: \"b\" request_field: \"a\"} }; }",
    );
    let contract = Contract::read(&pool, &["t.v1.TestService"]).unwrap();
    let of = |name: &str| {
        let method = contract.get(&format!("/t.v1.TestService/{name}"));
        method.unwrap().rest.clone()
    };
    let created = Rest {
        success_status: Some(201),
        location: Some("/m/{a}".to_owned()),
        ..Rest::default()
    };
    assert_eq!(of("Create"), created);
    let resumable = Rest {
        cursor: Some(Cursor {
            response_field: "b".to_owned(),
            request_field: "a".to_owned(),
        }),
        ..Rest::default()
    };
    assert_eq!(of("Watch"), resumable);
}

#[test]
fn what_the_gateway_cannot_enforce_is_refused() {
    let of = |level: &str, options: &str| {
        faults(&format!(
            "rpc Get(M) returns (Secret) {{ option idempotency_level = {level};
            option (trolleybus.v1.method) = {{ access: ACCESS_PUBLIC {options} }}; }}"
        ))
    };
    for (level, options, expected) in [
        ("IDEMPOTENT", "roles: \"admin\"", "asks for roles"),
        ("IDEMPOTENT", "scopes: \"a\"", "asks for scopes"),
        ("IDEMPOTENT", "scopes: \"\"", "a scope that is none"),
        ("IDEMPOTENT", "scopes: \"a b\"", "a scope that is none"),
        ("IDEMPOTENT", "scopes: \"*\"", "a scope that is none"),
        (
            "IDEMPOTENT",
            "location: \"/m\"",
            "goes with success_status 201",
        ),
        ("IDEMPOTENT", "cursor: {}", "only a stream"),
        (
            "IDEMPOTENT",
            "rate_limits: {period: {seconds: 1}}",
            "without `requests`",
        ),
        (
            "IDEMPOTENT",
            "rate_limits: {requests: 1 period: {nanos: 1}}",
            "a period outside 1 s to 24 hours",
        ),
        (
            "IDEMPOTENT",
            "rate_limits: {requests: 1 key: RATE_LIMIT_KEY_IDENTITY}",
            "limits the rate of signed-in users",
        ),
        ("IDEMPOTENT", "cache: {}", "for NO_SIDE_EFFECTS alone"),
        (
            "NO_SIDE_EFFECTS",
            "cache: {}",
            "an answer that holds a secret",
        ),
        ("IDEMPOTENT", "max_body_bytes: 16777217", "above 16 MiB"),
    ] {
        let faults = of(level, options);
        assert!(faults.contains(expected), "{options}: {faults}");
    }
}
