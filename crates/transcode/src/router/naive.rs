//! A matcher too plain to be wrong, which the tree is compared with.

use http::Method;

use super::Verb;
use crate::template::{Segment, Template};

/// How a path ends in a template: its decoded segments, and the verb.
type Reading = (Vec<String>, Option<String>);

/// The readings of a path: as it is, and with its last colon before a verb. `None` if an escape of it
/// is broken.
fn readings(path: &str) -> Option<Vec<Reading>> {
    let raw: Vec<&str> = match path.strip_prefix('/')? {
        "" => Vec::new(),
        tail => tail.split('/').collect(),
    };
    let all = |raw: &[&str]| raw.iter().map(|raw| decode(raw)).collect::<Option<_>>();
    let mut readings = vec![(all(&raw)?, None)];
    if let Some((last, head)) = raw.split_last()
        && let Some((base, verb)) = last.rsplit_once(':')
    {
        let segments = all(&[head, &[base]].concat())?;
        readings.push((segments, Some(decode(verb)?)));
    }
    Some(readings)
}

fn decode(raw: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < raw.len() {
        let escaped = raw.as_bytes()[at] == b'%';
        let end = if escaped { at + 3 } else { at + 1 };
        let piece = raw.as_bytes().get(at..end)?;
        bytes.push(if escaped {
            let digits = std::str::from_utf8(&piece[1..]).ok()?;
            let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            u8::from_str_radix(digits, 16).ok().filter(|_| plain)?
        } else {
            piece[0]
        });
        at = end;
    }
    let text = String::from_utf8(bytes).ok()?;
    (!text.contains('\0')).then_some(text)
}

/// Whether a template matches, by trying it alone.
fn matches(template: &Template, (segments, verb): &Reading) -> bool {
    let mut left = segments.as_slice();
    for wanted in &template.segments {
        match (wanted, left) {
            (Segment::Rest, _) => return template.verb == *verb,
            (Segment::Literal(text), [first, tail @ ..]) if text == first => left = tail,
            (Segment::Any, [first, tail @ ..]) if !first.is_empty() => left = tail,
            _ => return false,
        }
    }
    left.is_empty() && template.verb == *verb
}

/// The rules that match a path; `None` if the path cannot be read.
fn matching<'r>(rules: &'r [(Verb, Template)], path: &str) -> Option<Vec<(usize, &'r Verb)>> {
    let readings = readings(path)?;
    let rules = rules.iter().enumerate();
    let found = rules.filter(|(_, (_, template))| readings.iter().any(|r| matches(template, r)));
    Some(found.map(|(index, (verb, _))| (index, verb)).collect())
}

/// The rule that a request reaches: of those that match and take the method, the most specific, and
/// of these the one that names the method itself.
pub(crate) fn find(rules: &[(Verb, Template)], method: &Method, path: &str) -> Option<usize> {
    let found = matching(rules, path)?
        .into_iter()
        .filter_map(|(index, verb)| {
            let remote = match verb {
                Verb::Only(own) if own == method => 0,
                Verb::Only(own) if method == Method::HEAD && own == Method::GET => 1,
                Verb::Only(_) => return None,
                Verb::All => 2,
            };
            let template = &rules[index].1;
            // The end of a template is before `**`, as a shorter list is before a longer one.
            let shape: Vec<u8> = template.segments.iter().map(rank).collect();
            Some((template.verb.is_none(), shape, remote, index))
        });
    found.min().map(|(.., index)| index)
}

/// The methods of all rules that match, sorted.
pub(crate) fn methods<'r>(rules: &'r [(Verb, Template)], path: &str) -> Vec<&'r str> {
    let found = matching(rules, path).unwrap_or_default();
    let mut names: Vec<_> = found.into_iter().map(|(_, verb)| verb.name()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn rank(segment: &Segment) -> u8 {
    match segment {
        Segment::Literal(_) => 1,
        Segment::Any => 2,
        Segment::Rest => 3,
    }
}
