use super::*;

fn feed() -> DescriptorSet {
    DescriptorSet {
        name: "feed.binpb".into(),
        bytes: test_contract::feed::DESCRIPTORS.to_vec(),
    }
}

fn faults(sets: &[DescriptorSet], text: &str, access: Option<Access>) -> String {
    let upstreams = upstreams(text).unwrap();
    Contracts::read(sets, &upstreams, access, Bus::Here)
        .unwrap_err()
        .join("\n")
}

#[test]
fn upstreams_are_read() {
    let read = upstreams(" a.v1.A=kafka, b.v1.B = http://localhost:50051 ,").unwrap();
    assert_eq!(read["a.v1.A"], Target::Kafka);
    let uri = "http://localhost:50051".parse().unwrap();
    assert_eq!(read["b.v1.B"], Target::Http2(uri));
    assert!(upstreams("").unwrap().is_empty());
}

#[test]
fn what_is_no_upstream_is_named() {
    assert!(upstreams("a.v1.A=https://host:1").is_ok());
    for (text, expected) in [
        ("a.v1.A", "expected package.Service=kafka"),
        (
            "http://user:secret@host:1",
            "expected package.Service=kafka",
        ),
        (
            "http://user:secret=@host:1",
            "expected package.Service=kafka",
        ),
        ("=kafka", "expected package.Service=kafka"),
        ("a.v1.A=nats", "a.v1.A: expected kafka, http://host:port"),
        ("a.v1.A=ftp://host:1", "a.v1.A: expected kafka, http"),
        ("a.v1.A=http://host:1/path", "without a path"),
        ("a.v1.A=http://user:secret@host:1", "expected kafka,"),
        ("a.v1.A=http://", "expected kafka,"),
        ("a.v1.A=kafka,a.v1.A=kafka", "a.v1.A: is named twice"),
    ] {
        let error = upstreams(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn what_the_gateway_answers_itself_is_no_upstream() {
    for own in ["auth.v1.AuthService", "grpc.health.v1.Health"] {
        let faults = faults(&[], &format!("{own}=http://localhost:1"), None);
        assert!(faults.contains("leave it out"), "{faults}");
    }
}

#[test]
fn a_service_of_a_set_is_fronted_where_it_is_named() {
    let named = upstreams("feed.v1.FeedService=http://localhost:1").unwrap();
    let contracts = Contracts::read(&[feed()], &named, Some(Access::Public), Bus::Here).unwrap();
    let watch = contracts
        .contract
        .get("/feed.v1.FeedService/Watch")
        .unwrap();
    assert!(watch.server_streaming);
    assert!(contracts.bus().get("/feed.v1.FeedService/Watch").is_none());
    assert!(
        contracts
            .contract
            .get("/auth.v1.AuthService/Login")
            .is_some()
    );
    let unnamed = Contracts::read(&[feed()], &BTreeMap::new(), None, Bus::Here).unwrap();
    assert!(unnamed.contract.get("/feed.v1.FeedService/Watch").is_none());
}

#[test]
fn a_compiled_service_may_be_called_directly() {
    let named = upstreams("user.v1.UserService=http://localhost:1").unwrap();
    let contracts = Contracts::read(&[], &named, None, Bus::Here).unwrap();
    assert!(contracts.bus().get("/user.v1.UserService/Find").is_none());
    assert!(
        contracts
            .contract
            .get("/user.v1.UserService/Find")
            .is_some()
    );
}

#[test]
fn without_a_bus_only_what_is_named_is_fronted() {
    let read = |text: &str| {
        let named = upstreams(text).unwrap();
        Contracts::read(&[feed()], &named, Some(Access::Public), Bus::Absent).unwrap()
    };
    let alone = read("feed.v1.FeedService=http://localhost:1");
    let methods = alone.contract.methods();
    assert!(
        methods
            .iter()
            .all(|method| method.service == "feed.v1.FeedService")
    );
    assert!(!alone.hosts_accounts() && !alone.needs_tokens());
    let with_users = read("user.v1.UserService=http://localhost:1");
    assert!(with_users.hosts_accounts() && with_users.needs_tokens());
    assert!(
        with_users
            .contract
            .get("/auth.v1.AuthService/Login")
            .is_some()
    );
    assert!(with_users.bus().methods().is_empty());
}

#[test]
fn an_operator_sets_other_rate_limits() {
    let with = |text: &str| {
        let limits = crate::limits::setting::read(text).unwrap();
        Contracts::compiled().unwrap().with_rate_limits(limits)
    };
    let login = "/auth.v1.AuthService/Login";
    let limited = with("auth.v1.AuthService/Login=7/1m/address").unwrap();
    assert_eq!(
        limited.contract.get(login).unwrap().rate_limits[0].requests,
        7
    );
    let off = with("auth.v1.AuthService/Login=off").unwrap();
    assert!(off.contract.get(login).unwrap().rate_limits.is_empty());
    for (text, expected) in [
        (
            "auth.v1.AuthService/Nothing=7/1m/address",
            "no such method is fronted",
        ),
        (
            "auth.v1.AuthService/Login=7/1m/identity",
            "limited by address",
        ),
    ] {
        let faults = with(text).unwrap_err().join("\n");
        assert!(faults.contains(expected), "{faults}");
    }
}

#[test]
fn what_cannot_be_fronted_is_named_with_what_to_do() {
    let feed_there = "feed.v1.FeedService=http://localhost:1";
    let error = faults(&[], feed_there, None);
    assert!(
        error.contains("give its descriptors in DESCRIPTOR_SETS"),
        "{error}"
    );
    let error = faults(&[feed()], feed_there, None);
    assert!(
        error.contains("/feed.v1.FeedService/Watch: declares no access rule"),
        "{error}"
    );
    assert!(error.contains("or DEFAULT_ACCESS"), "{error}");
    // Over the bus it would have to say more.
    let error = faults(&[feed()], "feed.v1.FeedService=kafka", Some(Access::Public));
    assert!(error.contains("declares no idempotency_level"), "{error}");
    let error = faults(&[], "auth.v1.AuthService=kafka", None);
    assert!(error.contains("is served by the gateway itself"), "{error}");
}

#[test]
fn what_is_no_descriptor_set_is_refused() {
    let set = |bytes: &[u8]| DescriptorSet {
        name: "x.binpb".into(),
        bytes: bytes.to_vec(),
    };
    for bytes in [&b"\xff\xff"[..], b"", b"{}"] {
        let error = faults(&[set(bytes)], "", None);
        assert!(error.starts_with("x.binpb: is "), "{error}");
    }
    let mut cut = feed();
    cut.bytes.truncate(cut.bytes.len() / 2);
    assert!(faults(&[cut], "", None).starts_with("feed.binpb: "));
}

#[test]
fn another_file_of_a_known_name_and_editions_are_refused() {
    let changed = |change: &dyn Fn(&mut FileDescriptorProto)| {
        let set = FileDescriptorSet::decode(test_contract::feed::DESCRIPTORS).unwrap();
        let mut file = set
            .file
            .into_iter()
            .find(|file| file.package() == "feed.v1")
            .unwrap();
        change(&mut file);
        DescriptorSet {
            name: "changed.binpb".into(),
            bytes: FileDescriptorSet { file: vec![file] }.encode_to_vec(),
        }
    };
    let other = changed(&|file| file.message_type.clear());
    let error = faults(&[feed(), other], "", None);
    assert!(
        error.contains("is another file than the one of that name"),
        "{error}"
    );
    let editions = changed(&|file| {
        file.name = Some("other.proto".into());
        file.syntax = Some("editions".into());
    });
    assert!(faults(&[editions], "", None).contains("uses editions"));
}
