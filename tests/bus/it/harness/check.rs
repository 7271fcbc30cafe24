//! What must hold after every case.

use std::collections::{HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use bus_tests::call::Method;
use bus_tests::report::{Ended, OK};
use prost::Message as _;
use test_contract::echo::{ApplyRequest, EchoRequest};

use super::figures::{Figures, soaking};
use super::kafka::Raw;
use super::world::{Caller, World};

/// How late after its deadline a call may end in a soak, which has the machine to itself. The promise
/// is 50 ms, and the figures tell the exact time. In a test run it is counted and no more: a machine
/// that is busy with other tests holds up the caller's own timers for as long as it likes.
const LATEST_MS: i64 = 1_000;

/// Looks at all that these callers were told, at what took effect, and at what was committed. The
/// processes of the case have ended, or are idle.
pub(crate) async fn check(world: &World, callers: &[&Caller]) -> Figures {
    let mut figures = Figures {
        case: world.case.to_owned(),
        ..Figures::default()
    };
    let effects = world.effects();
    for caller in callers {
        let endings = caller.process.endings();
        let endings: Vec<&Ended> = endings.iter().map(|(_, ended)| ended).collect();
        each_ends_once(caller, &endings, &mut figures);
        took_effect_as_declared(caller.method, &endings, &effects);
    }
    figures.effects = effects.values().sum();
    figures.repeated = effects.values().filter(|count| **count > 1).count() as u64;
    let mut methods: Vec<Method> = Vec::new();
    for caller in callers {
        if !methods.contains(&caller.method) {
            methods.push(caller.method);
        }
    }
    for method in methods.into_iter().filter(|method| !method.at_most_once()) {
        let told = callers.iter().flat_map(|caller| caller.process.endings());
        let ok = told.filter(|(_, ended)| ended.status == OK);
        let done: HashSet<String> = ok.map(|(_, ended)| ended.id).collect();
        nothing_unfinished_is_committed(world, method, &done).await;
    }
    figures
}

/// Each call ends exactly once, with the answer to it, and nothing is awaited any more; in a soak it
/// ends in time too.
/// Of a caller that was killed only what it told is known.
fn each_ends_once(caller: &Caller, endings: &[&Ended], figures: &mut Figures) {
    let ids: HashSet<&str> = endings.iter().map(|ended| ended.id.as_str()).collect();
    assert_eq!(ids.len(), endings.len(), "a call ended twice");
    let mixed = endings.iter().find(|ended| ended.status == "Mixed");
    assert!(mixed.is_none(), "an answer to another call: {mixed:?}");
    for ended in endings {
        figures.calls += 1;
        if ended.status == OK {
            figures.ok += 1;
        } else {
            *figures.errors.entry(ended.status.clone()).or_default() += 1;
            if !ended.message.is_empty() {
                *figures.messages.entry(ended.message.clone()).or_default() += 1;
            }
        }
    }
    let Some(summary) = caller.process.summary() else {
        return;
    };
    assert_eq!(summary.calls, endings.len() as u64, "a call did not end");
    assert_eq!(summary.ended_twice, 0, "{summary:?}");
    assert_eq!(summary.pending, 0, "{summary:?}");
    if summary.calls > 0 {
        let latest = figures.latest_ms.unwrap_or(i64::MIN);
        figures.latest_ms = Some(latest.max(summary.latest_ms));
        let is_late = summary.latest_ms > LATEST_MS;
        assert!(!(soaking() && is_late), "{summary:?}");
    }
}

/// What was answered took effect, and what must not twice did not.
fn took_effect_as_declared(method: Method, endings: &[&Ended], effects: &HashMap<String, u64>) {
    if !method.takes_effect() {
        return;
    }
    for ended in endings {
        let count = effects.get(&ended.id).copied().unwrap_or_default();
        assert!(count > 0 || ended.status != OK, "no effect: {ended:?}");
        assert!(count < 2 || !method.at_most_once(), "{count}: {ended:?}");
    }
}

/// Of the requests below the committed offset none is unfinished: each took effect, was answered or
/// cancelled, or is past its deadline.
pub(crate) async fn nothing_unfinished_is_committed(
    world: &World,
    method: Method,
    done: &HashSet<String>,
) {
    let topic = world.topic(method);
    // First what is committed: records that come later do not matter.
    let committed = world.kafka.committed(&world.group(), &topic).await;
    let effects = world.effects();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    let mut open = Vec::new();
    let records = world.kafka.records(&topic).await;
    let cancelled: HashSet<Vec<u8>> = records
        .iter()
        .filter(|record| record.header(bus::header::CANCEL).is_some())
        .filter_map(|record| record.header(bus::header::CORRELATION_ID))
        .map(<[u8]>::to_vec)
        .collect();
    for record in records {
        let below = committed.get(&record.partition);
        if below.is_none_or(|end| record.offset >= *end)
            || !record.is_call()
            || is_over(&record, now)
        {
            continue;
        }
        let correlation = record.header(bus::header::CORRELATION_ID);
        if correlation.is_some_and(|correlation| cancelled.contains(correlation)) {
            continue;
        }
        let id = request_id(method, &record);
        if !effects.contains_key(&id) && !done.contains(&id) {
            open.push((record, id));
        }
    }
    if open.is_empty() {
        return;
    }
    let replies = world.kafka.records(&world.reply_topic()).await;
    let answered: HashSet<&[u8]> = replies
        .iter()
        .filter_map(|reply| reply.header(bus::header::CORRELATION_ID))
        .collect();
    for (record, id) in open {
        let correlation = record.header(bus::header::CORRELATION_ID);
        assert!(
            correlation.is_some_and(|correlation| answered.contains(correlation)),
            "{topic}: offset {} of partition {} ({id}) is committed and unfinished; {committed:?}",
            record.offset,
            record.partition
        );
    }
}

/// Whether it is no request that anybody still waits for: past its deadline, or not one of ours.
fn is_over(record: &Raw, now_ms: i64) -> bool {
    let timeout = record
        .text(bus::header::TIMEOUT)
        .and_then(chassis::timeout::parse);
    timeout.is_none_or(|timeout| {
        let timeout = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        record.time_ms.saturating_add(timeout) < now_ms
    })
}

fn request_id(method: Method, record: &Raw) -> String {
    let value = record.value.as_deref().unwrap_or_default();
    let id = if method.takes_effect() {
        ApplyRequest::decode(value).map(|request| request.id)
    } else {
        EchoRequest::decode(value).map(|request| request.text)
    };
    id.unwrap_or_default()
}
