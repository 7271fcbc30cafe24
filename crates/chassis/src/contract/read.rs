//! From descriptors to a [`Contract`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MethodDescriptor,
    Value,
};

use super::secret::{holds_secret, is_redacted};
use super::{
    Access, Contract, ContractError, DEFAULT_DEADLINE, DEFAULT_PAUSES, Idempotency, Method,
    Pattern, Retry, limits, rest,
};

/// The extension of `google.protobuf.MethodOptions` that the platform's options live in.
const OPTIONS: &str = "trolleybus.v1.method";

/// The deadlines that a contract may state: long enough for two broker hops, short enough that a
/// request topic need keep its records for minutes only.
const DEADLINES: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(10)..=Duration::from_secs(600);

/// The pauses that a contract may state: a retry topic keeps its records for days.
const PAUSES: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(24 * 3600);

/// As many retry topics as an event may have.
const MOST_PAUSES: usize = 10;

/// How calls travel, which decides what a contract has to say.
#[derive(Clone, Copy)]
enum Carrier {
    Bus,
    /// HTTP/2, with the access rule of methods that declare none.
    Direct(Option<Access>),
}

pub(super) fn contract(
    pool: &DescriptorPool,
    services: &[&str],
) -> Result<Contract, ContractError> {
    read_all(pool, services, Carrier::Bus)
}

pub(super) fn direct(
    pool: &DescriptorPool,
    services: &[&str],
    access: Option<Access>,
) -> Result<Contract, ContractError> {
    read_all(pool, services, Carrier::Direct(access))
}

fn read_all(
    pool: &DescriptorPool,
    services: &[&str],
    carrier: Carrier,
) -> Result<Contract, ContractError> {
    let mut faults = Vec::new();
    let mut methods = hashbrown::HashMap::new();
    let mut topics: BTreeMap<String, String> = BTreeMap::new();
    let extension = pool.get_extension_by_name(OPTIONS);
    for service in services {
        let Some(descriptor) = pool.get_service_by_name(service) else {
            faults.push(format!("{service}: no such service in the descriptors"));
            continue;
        };
        for descriptor in descriptor.methods() {
            let method = read(descriptor, extension.as_ref(), carrier, &mut faults);
            if matches!(carrier, Carrier::Bus)
                && let Some(other) = topics.insert(method.topic.clone(), method.path.clone())
            {
                faults.push(format!(
                    "{}: the topic {} is that of {other} already; give it one of its own",
                    method.path, method.topic
                ));
            }
            methods.insert(method.path.clone(), Arc::new(method));
        }
    }
    if faults.is_empty() {
        Ok(Contract { methods })
    } else {
        Err(ContractError { faults })
    }
}

fn read(
    descriptor: MethodDescriptor,
    extension: Option<&ExtensionDescriptor>,
    carrier: Carrier,
    faults: &mut Vec<String>,
) -> Method {
    let service = descriptor.parent_service();
    let path = format!("/{}/{}", service.full_name(), descriptor.name());
    let options = extension.and_then(|extension| {
        descriptor
            .options()
            .get_extension(extension)
            .into_owned()
            .as_message()
            .cloned()
    });
    let mut fault = |text: &str| faults.push(format!("{path}: {text}"));

    let access = match number(options.as_ref(), "access") {
        1 => Access::Public,
        2 => Access::Authenticated,
        3 => Access::Internal,
        _ => {
            if let Carrier::Direct(Some(access)) = carrier {
                access
            } else {
                fault("declares no access rule; set (trolleybus.v1.method).access");
                Access::Internal
            }
        }
    };
    let on_bus = matches!(carrier, Carrier::Bus);
    let idempotency = idempotency(&descriptor).unwrap_or_else(|| {
        if on_bus {
            fault(
                "declares no idempotency_level; set it, IDEMPOTENCY_UNKNOWN if it must not run twice",
            );
        }
        Idempotency::Unknown
    });
    let pattern = match number(options.as_ref(), "pattern") {
        2 => Pattern::Event,
        _ => Pattern::RequestReply,
    };
    if pattern == Pattern::Event && descriptor.output().full_name() != "google.protobuf.Empty" {
        fault("is an event, so it must return google.protobuf.Empty");
    }
    if pattern == Pattern::Event && idempotency == Idempotency::Unknown {
        fault("is an event, which is delivered at least once, so it must be IDEMPOTENT");
    }
    let server_streaming = descriptor.is_server_streaming();
    if on_bus && descriptor.is_client_streaming() {
        fault("takes a stream of requests, which no record can carry; take one message");
    }
    if on_bus && server_streaming && idempotency == Idempotency::Unknown {
        fault("answers with a stream, which may have to begin again, so it must be IDEMPOTENT");
    }
    let key = key(&descriptor, options.as_ref()).unwrap_or_else(|text| {
        fault(&text);
        None
    });
    let commit_first = flag(options.as_ref(), "commit_first");
    if commit_first && idempotency != Idempotency::Unknown {
        fault("sets commit_first, which is for IDEMPOTENCY_UNKNOWN alone");
    }
    let max_in_flight = usize::try_from(number(options.as_ref(), "max_in_flight")).unwrap_or(0);
    let max_in_flight = (max_in_flight > 0).then_some(max_in_flight);
    let retry = retry(options.as_ref());
    if retry.pauses().len() > MOST_PAUSES {
        fault("has more than 10 pauses between retries");
    }
    if retry.pauses().iter().any(|pause| !PAUSES.contains(pause)) {
        fault("has a pause between retries outside 1 ms to 24 hours");
    }
    let unstated = if on_bus || !server_streaming {
        DEFAULT_DEADLINE
    } else {
        // A stream of a contract that knows nothing of deadlines is one that may last.
        *DEADLINES.end()
    };
    let deadline = deadline(options.as_ref()).unwrap_or(unstated);
    if !DEADLINES.contains(&deadline) {
        fault("has a deadline outside 10 ms to 10 minutes");
    }
    let topic = match text(options.as_ref(), "topic") {
        Some(topic) => topic,
        None => default_topic(service.name(), descriptor.name()),
    };
    if on_bus && !is_topic(&topic) {
        fault("has a topic that is not one: 1 to 200 of a-z, A-Z, 0-9, '.', '_' and '-'");
    }
    if on_bus && is_derived(&topic) {
        fault("has a topic that ends like a retry or dead-letter topic, .retry.<n> or .dlq");
    }
    let limits = limits::read(options.as_ref(), access, &mut fault);
    let rest = rest::read(&descriptor, options.as_ref(), idempotency, &mut fault);
    let secret_reply = holds_secret(&descriptor.output());
    if rest.cache.is_some() && secret_reply {
        fault("lets clients keep an answer that holds a secret");
    }
    let sealed = secret_reply || holds_secret(&descriptor.input());
    Method {
        service: service.full_name().to_owned(),
        topic,
        access,
        pattern,
        idempotency,
        deadline,
        sealed,
        secret_reply,
        server_streaming,
        key,
        max_in_flight,
        commit_first,
        retry,
        roles: limits.roles,
        scopes: limits.scopes,
        rate_limits: limits.rate_limits,
        rest,
        descriptor,
        path,
    }
}

/// The declared level; `None` where the contract says nothing, which protobuf would read as unknown.
fn idempotency(method: &MethodDescriptor) -> Option<Idempotency> {
    let options = method.options();
    if !options.has_field_by_name("idempotency_level") {
        return None;
    }
    match options
        .get_field_by_name("idempotency_level")?
        .as_enum_number()?
    {
        1 => Some(Idempotency::NoSideEffects),
        2 => Some(Idempotency::Idempotent),
        _ => Some(Idempotency::Unknown),
    }
}

pub(super) fn number(options: Option<&DynamicMessage>, field: &str) -> i64 {
    let Some(value) = options.and_then(|options| options.get_field_by_name(field)) else {
        return 0;
    };
    match *value {
        Value::EnumNumber(number) | Value::I32(number) => number.into(),
        Value::U32(number) => number.into(),
        Value::I64(number) => number,
        _ => 0,
    }
}

pub(super) fn text(options: Option<&DynamicMessage>, field: &str) -> Option<String> {
    let value = options?.get_field_by_name(field)?.as_str()?.to_owned();
    (!value.is_empty()).then_some(value)
}

pub(super) fn flag(options: Option<&DynamicMessage>, field: &str) -> bool {
    options
        .and_then(|options| options.get_field_by_name(field))
        .and_then(|value| value.as_bool())
        .unwrap_or(false)
}

fn deadline(options: Option<&DynamicMessage>) -> Option<Duration> {
    let options = options.filter(|options| options.has_field_by_name("deadline"))?;
    let value = options.get_field_by_name("deadline");
    value.as_deref().and_then(Value::as_message).map(duration)
}

/// A `google.protobuf.Duration`; a negative one is zero.
pub(super) fn duration(message: &DynamicMessage) -> Duration {
    let seconds = u64::try_from(number(Some(message), "seconds")).unwrap_or(0);
    let nanos = u32::try_from(number(Some(message), "nanos")).unwrap_or(0);
    Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into()))
}

/// The field that orders.
fn key(
    method: &MethodDescriptor,
    options: Option<&DynamicMessage>,
) -> Result<Option<FieldDescriptor>, String> {
    let Some(name) = text(options, "key") else {
        return Ok(None);
    };
    let input = method.input();
    let field = input.get_field_by_name(&name).ok_or_else(|| {
        format!(
            "is ordered by {name}, which is no field of {}",
            input.full_name()
        )
    })?;
    let scalar = !matches!(field.kind(), Kind::Message(_) | Kind::Double | Kind::Float);
    if field.is_list() || field.is_map() || !scalar {
        return Err(format!(
            "is ordered by {name}, which is not one string, bytes, integer, bool or enum"
        ));
    }
    if is_redacted(&field) {
        return Err(format!(
            "is ordered by {name}, which is secret; the key of a record is not encrypted"
        ));
    }
    Ok(Some(field))
}

fn retry(options: Option<&DynamicMessage>) -> Retry {
    let value = options.and_then(|options| options.get_field_by_name("retry"));
    let retry = value.as_deref().and_then(Value::as_message);
    let pauses = retry.and_then(|retry| retry.get_field_by_name("pauses"));
    let pauses: Vec<_> = pauses
        .as_deref()
        .and_then(Value::as_list)
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_message)
        .map(duration)
        .collect();
    let pauses = if pauses.is_empty() {
        DEFAULT_PAUSES.to_vec()
    } else {
        pauses
    };
    if flag(retry, "in_order") {
        Retry::InOrder(pauses)
    } else {
        Retry::Tiers(pauses)
    }
}

/// `UserService`, `Find` to `user.find`.
fn default_topic(service: &str, method: &str) -> String {
    let service = service
        .strip_suffix("Service")
        .filter(|s| !s.is_empty())
        .unwrap_or(service);
    format!("{}.{}", snake_case(service), snake_case(method))
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut previous_lower = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && previous_lower {
            snake.push('_');
        }
        previous_lower = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Whether a topic's name says that it belongs to another.
fn is_derived(name: &str) -> bool {
    name.ends_with(".dlq")
        || name
            .rsplit_once(".retry.")
            .is_some_and(|(_, tier)| tier.parse::<u8>().is_ok())
}

/// Kafka's own rule, shortened from 249 characters to leave room for `.retry.<n>` and `.dlq`.
fn is_topic(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=200).contains(&name.len()) && name.bytes().all(legal) && name != "." && name != ".."
}
