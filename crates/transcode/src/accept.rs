//! The `Accept` header (RFC 9110, 12.5.1).

/// What a media range is worth, and how closely it names a type.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Match {
    /// 2 for `a/b`, 1 for `a/*`, 0 for `*/*`.
    closeness: u8,
    /// In thousandths.
    quality: u16,
}

/// The index of the type that `accept` likes best, the first of equals; `None` if it takes none. An
/// empty one takes all. The closest range decides what a type is worth. Ranges that cannot be read are
/// passed over, as are parameters other than `q`.
pub(crate) fn best(accept: &str, types: &[&str]) -> Option<usize> {
    if accept.trim().is_empty() {
        return (!types.is_empty()).then_some(0);
    }
    let mut found: Vec<Option<Match>> = vec![None; types.len()];
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let range = parts.next().unwrap_or_default();
        let Some(quality) = quality(parts) else {
            continue;
        };
        for (found, media_type) in found.iter_mut().zip(types) {
            if let Some(closeness) = closeness(range, media_type)
                && found.is_none_or(|known| closeness > known.closeness)
            {
                *found = Some(Match { closeness, quality });
            }
        }
    }
    let mut best = None;
    for (index, found) in found.iter().enumerate() {
        let quality = found.map_or(0, |found| found.quality);
        if quality > best.map_or(0, |(_, best)| best) {
            best = Some((index, quality));
        }
    }
    best.map(|(index, _)| index)
}

fn closeness(range: &str, media_type: &str) -> Option<u8> {
    if range == "*/*" {
        return Some(0);
    }
    if range.eq_ignore_ascii_case(media_type) {
        return Some(2);
    }
    let major = range.strip_suffix("/*")?;
    let (own, _) = media_type.split_once('/')?;
    major.eq_ignore_ascii_case(own).then_some(1)
}

/// The value of `q`, 1 where it is not there; `None` where it is none.
fn quality<'a>(mut parameters: impl Iterator<Item = &'a str>) -> Option<u16> {
    let given = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let Some(given) = given else {
        return Some(1000);
    };
    let (whole, fraction) = given.split_once('.').unwrap_or((given, ""));
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    // RFC 9110, 12.4.2 asks for a digit before the point. Clients that leave it out mean no other
    // number, and passing their range over would give it another weight than they meant.
    let whole = if whole.is_empty() && !fraction.is_empty() {
        "0"
    } else {
        whole
    };
    if !digits || fraction.len() > 3 {
        return None;
    }
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" => (thousandths == 0).then_some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [&str; 3] = [
        "application/json",
        "application/x-ndjson",
        "text/event-stream",
    ];

    #[test]
    fn the_best_type_is_taken_and_the_first_of_equals() {
        for (accept, index) in [
            ("", Some(0)),
            ("*/*", Some(0)),
            ("text/event-stream", Some(2)),
            ("TEXT/Event-Stream", Some(2)),
            ("application/x-ndjson, application/json", Some(0)),
            ("application/json;q=0.5, application/x-ndjson", Some(1)),
            ("application/*;q=0.2, text/*;q=0.3", Some(2)),
            ("text/html, */*;q=0.1", Some(0)),
            // The closest range decides, whatever the order.
            ("*/*, application/json;q=0", Some(1)),
            ("application/json;q=0, */*;q=0.5", Some(1)),
            (
                "application/json; charset=utf-8 ; Q = 0.3, text/event-stream;q=0.301",
                Some(2),
            ),
            ("application/json;q=.2, text/event-stream;q=0.3", Some(2)),
            ("application/json;q=.25, text/event-stream;q=.3", Some(2)),
            ("application/json;q=0., text/event-stream;q=.001", Some(2)),
            ("text/html", None),
            ("*/*;q=0", None),
        ] {
            assert_eq!(best(accept, &TYPES), index, "{accept}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        for accept in [
            ",,;;,q=1",
            "application/json;q=1.5",
            "application/json;q=-1",
            "application/json;q=nan",
            "application/json;q=0.1234",
            "application/json;q=",
            "application/json;q=.",
            "application/json;q=.1234",
            "application/json;q=.-1",
            "*",
            "/",
            "text",
        ] {
            assert_eq!(best(accept, &TYPES), None, "{accept}");
        }
        assert_eq!(best("nonsense;q=x, text/event-stream", &TYPES), Some(2));
    }
}
