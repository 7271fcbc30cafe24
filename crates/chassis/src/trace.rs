//! W3C trace context (<https://www.w3.org/TR/trace-context/>): which trace the work of this process
//! belongs to.
//!
//! The trace layer enters the context of a call whenever the call is worked on, and whatever is
//! sent meanwhile, a call or an event, can carry it: [`current`], or [`inject`] for headers.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that names trace, span and flags.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The header of tracing systems' own data.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// The header of the application's own data (<https://www.w3.org/TR/baggage/>).
pub const BAGGAGE: HeaderName = HeaderName::from_static("baggage");

/// The length of `traceparent`, version 00.
const LENGTH: usize = 55;

/// The longest `tracestate` and `baggage` that are passed on, in bytes: what the two specifications
/// ask for at least.
const LONGEST_STATE: usize = 512;
const LONGEST_BAGGAGE: usize = 8192;

/// One span of a trace, as others are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// Never zero.
    pub trace_id: u128,
    /// Never zero.
    pub span_id: u64,
    /// Bit 0: whoever asked for the trace keeps it.
    pub flags: u8,
    tracestate: Option<HeaderValue>,
    baggage: Option<HeaderValue>,
}

/// Gives ids to traces and spans.
#[derive(Debug)]
pub struct TraceIds {
    seed: u64,
    given: AtomicU64,
}

/// Ends the context that was entered, when dropped.
#[derive(Debug)]
#[must_use = "the context ends when this is dropped"]
pub struct Entered<'a> {
    slot: &'a mut Option<Arc<TraceContext>>,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<TraceContext>>> = const { RefCell::new(None) };
}

/// The context of the call that this thread works on.
#[must_use]
pub fn current() -> Option<Arc<TraceContext>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Writes the context of the call that this thread works on, if there is one, in place of whatever
/// the headers hold.
pub fn inject(headers: &mut HeaderMap) {
    CURRENT.with_borrow(|current| {
        if let Some(current) = current {
            current.inject(headers);
        }
    });
}

/// Makes `slot` the context of this thread until the answer is dropped; meanwhile `slot` keeps what
/// was there before.
pub fn enter(slot: &mut Option<Arc<TraceContext>>) -> Entered<'_> {
    CURRENT.with_borrow_mut(|current| std::mem::swap(current, slot));
    Entered { slot }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        CURRENT.with_borrow_mut(|current| std::mem::swap(current, self.slot));
    }
}

// === impl TraceContext ===

impl TraceContext {
    /// A new trace, which nobody has asked to keep.
    #[must_use]
    pub fn root(ids: &TraceIds) -> Self {
        let trace_id = (u128::from(ids.next()) << 64) | u128::from(ids.next());
        Self {
            trace_id,
            span_id: ids.next(),
            flags: 0,
            tracestate: None,
            baggage: None,
        }
    }

    /// The caller's span. `None` where the headers name none, or not as the specification says: then
    /// `tracestate` is void too.
    #[must_use]
    pub fn extract(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(TRACEPARENT).iter();
        let parent = parents.next()?;
        if parents.next().is_some() {
            return None;
        }
        let (trace_id, span_id, flags) = parse(parent.as_bytes())?;
        Some(Self {
            trace_id,
            span_id,
            flags,
            tracestate: joined(headers, &TRACESTATE, LONGEST_STATE),
            baggage: joined(headers, &BAGGAGE, LONGEST_BAGGAGE),
        })
    }

    /// The span of a call that comes with these headers: a child of the caller's, or a new trace.
    #[must_use]
    pub fn of_call(headers: &HeaderMap, ids: &TraceIds) -> Self {
        match Self::extract(headers) {
            Some(parent) => Self {
                span_id: ids.next(),
                ..parent
            },
            None => Self {
                baggage: joined(headers, &BAGGAGE, LONGEST_BAGGAGE),
                ..Self::root(ids)
            },
        }
    }

    /// `traceparent`, version 00.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let Self {
            trace_id,
            span_id,
            flags,
            ..
        } = self;
        let mut text = String::with_capacity(LENGTH);
        text.push_str("00-");
        push_hex(&mut text, &trace_id.to_be_bytes());
        text.push('-');
        push_hex(&mut text, &span_id.to_be_bytes());
        text.push('-');
        push_hex(&mut text, &[*flags]);
        text
    }

    /// The headers by which others are told, each with its value.
    pub fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> + use<'_> {
        let parent = HeaderValue::try_from(self.traceparent()).ok();
        let state = self.tracestate.clone();
        let baggage = self.baggage.clone();
        [
            (TRACEPARENT, parent),
            (TRACESTATE, state),
            (BAGGAGE, baggage),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }

    /// Writes the context in place of whatever the headers hold.
    pub fn inject(&self, headers: &mut HeaderMap) {
        if let Ok(parent) = HeaderValue::try_from(self.traceparent()) {
            headers.insert(TRACEPARENT, parent);
        }
        for (name, value) in [(TRACESTATE, &self.tracestate), (BAGGAGE, &self.baggage)] {
            match value {
                Some(value) => {
                    headers.insert(name, value.clone());
                }
                None => {
                    headers.remove(name);
                }
            }
        }
    }
}

/// By their value.
const DIGITS: [u8; 16] = *b"0123456789abcdef";

/// Two lower-case digits a byte. Each call has a few of them, and `format!` takes ten times as long.
fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let digit = |half: u8| char::from(DIGITS[usize::from(half & 15)]);
        text.extend([digit(byte >> 4), digit(*byte)]);
    }
}

/// Trace, span and flags of a `traceparent` of version 00, or of the same part of a later one.
fn parse(text: &[u8]) -> Option<(u128, u64, u8)> {
    let head = text.get(..LENGTH)?;
    let lower = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte) || *byte == b'-';
    if !head.iter().all(lower) {
        return None;
    }
    let head = std::str::from_utf8(head).ok()?;
    let (version, rest) = (&head[..2], &head[2..]);
    let (trace_id, span_id, flags) = (&rest[1..33], &rest[34..50], &rest[51..]);
    if [0, 33, 50]
        .iter()
        .any(|dash| rest.as_bytes()[*dash] != b'-')
    {
        return None;
    }
    let version = u8::from_str_radix(version, 16).ok()?;
    let trace_id = u128::from_str_radix(trace_id, 16).ok()?;
    let span_id = u64::from_str_radix(span_id, 16).ok()?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    let ended = match text.get(LENGTH) {
        None => true,
        Some(next) => version > 0 && *next == b'-',
    };
    (ended && version != 0xff && trace_id != 0 && span_id != 0)
        .then_some((trace_id, span_id, flags))
}

/// The values of a header as one; `None` where there is none, or more than `longest` bytes.
fn joined(headers: &HeaderMap, name: &HeaderName, longest: usize) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    let mut rest = values.peekable();
    if rest.peek().is_none() {
        return (first.len() <= longest).then(|| first.clone());
    }
    let mut all = first.as_bytes().to_vec();
    for value in rest {
        all.push(b',');
        all.extend_from_slice(value.as_bytes());
    }
    (all.len() <= longest).then(|| HeaderValue::from_bytes(&all).ok())?
}

// === impl TraceIds ===

impl TraceIds {
    /// Ids that follow from `seed`: two processes need two seeds.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            given: AtomicU64::new(0),
        }
    }

    /// Ids that nobody else gives.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        Ok(Self::new(getrandom::u64()?))
    }

    /// The next id, never zero. They are spread evenly and are no secret: `SplitMix64`
    /// (<https://prng.di.unimi.it/splitmix64.c>), which takes one addition to step.
    fn next(&self) -> u64 {
        loop {
            let step = self.given.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            let state = self
                .seed
                .wrapping_add(step.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let id = mixed ^ (mixed >> 31);
            if id != 0 {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests;
