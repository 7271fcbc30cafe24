//! The records of the bus, read by somebody who knows only the contract.

use prost::Message as _;
use proto::notification::v1::SendWelcomeRequest;
use proto::user::v1::{FindRequest, FindResponse, RegisterRequest};

use crate::accounts::text;
use crate::harness::kafka::{self, Raw};
use crate::harness::{Account, Platform};

/// What every record bears that a key of the bus vouches for.
fn is_signed(record: &Raw) {
    assert_eq!(
        record.header("rpc-mac").map(<[u8]>::len),
        Some(32),
        "{record:?}"
    );
    assert!(
        record.header("rpc-key-id").is_some_and(|id| !id.is_empty()),
        "{record:?}"
    );
    assert_eq!(record.text("content-type"), "application/protobuf");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_what_the_contract_says() {
    let (platform, account) = (Platform::processes().await, Account::new("ada"));
    let registered = platform.client.registered(&account).await;
    let (token, user) = (
        text(&registered, "accessToken"),
        text(&registered["user"], "id"),
    );
    let id = format!("e2e-{}", uuid::Uuid::new_v4());
    let request = platform
        .client
        .request(reqwest::Method::GET, "/api/v1/auth/profile");
    let request = request.bearer_auth(token).header("x-request-id", &id);
    let profile = platform.client.send(request).await;
    assert_eq!(profile.header("x-request-id"), Some(id.as_str()));
    platform.mail_to(&account.email).await;
    let records = kafka::everything().await;
    // What comes before and after calls, and is none: greetings, callers that went, windows.
    let calls = |record: &&Raw| {
        let others = ["rpc-hello", "rpc-cancel", "rpc-window"];
        others.into_iter().all(|name| record.header(name).is_none())
    };
    let of = |topic: &'static str| {
        let of_topic = move |record: &&Raw| record.topic == topic;
        records.iter().filter(of_topic).filter(calls)
    };

    let found = of("user.find").find(|r| r.header("meta:x-request-id") == Some(id.as_bytes()));
    let find = found.expect("the request of the profile");
    is_signed(find);
    assert_eq!(find.text("rpc-method"), "/user.v1.UserService/Find");
    assert_eq!(
        FindRequest::decode(&*find.value).unwrap(),
        FindRequest::default()
    );
    let correlation = find.text("kafka_correlationId");
    assert!(correlation.len() == 32 && correlation.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(find.text("kafka_replyTopic"), "reply.gateway");
    let partition: [u8; 4] = find
        .header("kafka_replyPartition")
        .unwrap()
        .try_into()
        .unwrap();
    assert!((0..64).contains(&i32::from_be_bytes(partition)));
    let timeout = find.text("grpc-timeout");
    assert!(timeout.ends_with(['m', 'u', 'n', 'S']), "{timeout}");
    assert!(find.header("meta:authorization").is_some());
    assert!(find.header("kafka_dlt-reason").is_none());

    let of_it = |r: &&Raw| r.header("kafka_correlationId") == Some(correlation.as_bytes());
    let replies: Vec<_> = of("reply.gateway").filter(of_it).collect();
    assert_eq!(replies.len(), 1);
    is_signed(replies[0]);
    assert_eq!(replies[0].text("grpc-status"), "0");
    let answer = FindResponse::decode(&*replies[0].value)
        .unwrap()
        .user
        .unwrap();
    assert_eq!(
        (answer.email.as_str(), answer.id.as_str()),
        (account.email.as_str(), user)
    );

    // Passwords travel sealed: nobody without a key reads as much as the address beside them.
    let sealed: Vec<_> = of("user.register").collect();
    assert!(!sealed.is_empty());
    for record in sealed {
        is_signed(record);
        assert_eq!(record.header("rpc-sealed").map(<[u8]>::len), Some(24));
        let read = RegisterRequest::decode(&*record.value);
        assert!(read.map_or(true, |read| read.email != account.email));
    }

    let welcomes: Vec<_> = of("notification.send.welcome")
        .filter_map(|r| Some((r, SendWelcomeRequest::decode(&*r.value).ok()?)))
        .filter(|(_, welcome)| welcome.user_id == user)
        .collect();
    assert_eq!(welcomes.len(), 1);
    let (record, welcome) = &welcomes[0];
    is_signed(record);
    assert_eq!(
        (&welcome.email, &welcome.name),
        (&account.email, &account.name)
    );
    let method = "/notification.v1.NotificationService/SendWelcome";
    assert_eq!(record.text("rpc-method"), method);
    assert_eq!(record.text("ce_type"), method);
    assert_eq!(record.text("ce_source"), "/user");
    assert_eq!(record.text("ce_specversion"), "1.0");
    assert!(uuid::Uuid::parse_str(&record.text("ce_id")).is_ok());
    assert!(record.text("ce_time").ends_with('Z'));
    assert_eq!(record.key, user.as_bytes());
}
