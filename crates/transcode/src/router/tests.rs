//! The tree against a matcher too plain to be wrong.

use proptest::prelude::*;

use super::*;

/// Whether a template matches, by trying it alone.
fn matches(template: &Template, segments: &[&str]) -> bool {
    let mut left = segments;
    for wanted in &template.segments {
        match (wanted, left) {
            (Segment::Rest, _) => return true,
            (Segment::Literal(text), [first, tail @ ..]) if text == first => left = tail,
            (Segment::Any, [first, tail @ ..]) if !first.is_empty() => left = tail,
            _ => return false,
        }
    }
    left.is_empty()
}

/// Every template that matches, the most specific first: `Literal` < `Any` < `Rest` is the order of
/// the variants, the end of a template is before `Rest`.
fn naive(templates: &[(Verb, Template)], method: &Method, path: &str) -> Option<usize> {
    let tail = path.strip_prefix('/')?;
    let segments: Vec<&str> = if tail.is_empty() {
        Vec::new()
    } else {
        tail.split('/').collect()
    };
    let with_verb = segments.split_last().and_then(|(last, head)| {
        let (base, verb) = last.rsplit_once(':')?;
        Some(([head, &[base]].concat(), verb))
    });
    let mut found: Vec<_> = templates
        .iter()
        .enumerate()
        .filter(|(_, (verb, _))| *verb == Verb::Only(method.clone()))
        .filter(|(_, (_, template))| match (&template.verb, &with_verb) {
            (None, _) => matches(template, &segments),
            (Some(wanted), Some((segments, verb))) => wanted == verb && matches(template, segments),
            (Some(_), None) => false,
        })
        .map(|(index, (_, template))| {
            let shape: Vec<_> = template
                .segments
                .iter()
                .map(|segment| match segment {
                    Segment::Literal(_) => 1,
                    Segment::Any => 2,
                    Segment::Rest => 3,
                })
                .collect();
            (template.verb.is_none(), shape, index)
        })
        .collect();
    found.sort();
    found.first().map(|(.., index)| *index)
}

fn segment() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just("a"), 2 => Just("b"), 3 => Just("*")]
}

fn template() -> impl Strategy<Value = String> {
    (
        prop::collection::vec(segment(), 1..5),
        prop::bool::weighted(0.2),
        prop::option::weighted(0.2, prop_oneof![Just("v"), Just("w")]),
    )
        .prop_map(|(mut segments, rest, verb)| {
            if rest {
                segments.push("**");
            }
            let verb = verb.map(|verb| format!(":{verb}")).unwrap_or_default();
            format!("/{}{verb}", segments.join("/"))
        })
}

fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => Just("a"), 3 => Just("b"), 2 => Just("c"), 1 => Just(""), 1 => Just("a:v"),
        1 => Just(":w"), 1 => Just("b:x"),
    ];
    prop::collection::vec(segment, 0..6).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![Just(Method::GET), Just(Method::POST)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_tree_finds_what_the_plain_matcher_finds(
        rules in prop::collection::vec((method(), template()), 1..12),
        paths in prop::collection::vec((method(), path()), 1..12),
        turn in any::<prop::sample::Index>(),
    ) {
        let mut kept: Vec<(Verb, Template)> = Vec::new();
        for (method, text) in rules {
            let rule = (Verb::Only(method), Template::parse(&text).unwrap());
            if !kept.contains(&rule) {
                kept.push(rule);
            }
        }
        let mut router = Router::default();
        let mut turned = Router::default();
        for (index, (verb, template)) in kept.iter().enumerate() {
            prop_assert_eq!(router.insert(verb, template, index), Ok(()));
        }
        let mut order: Vec<_> = (0..kept.len()).collect();
        order.rotate_left(turn.index(kept.len()));
        for index in order {
            prop_assert_eq!(turned.insert(&kept[index].0, &kept[index].1, index), Ok(()));
        }
        for (method, text) in paths {
            let path = Path::parse(&text).unwrap().unwrap();
            let found = router.find(&method, &path).map(|found| found.endpoint);
            prop_assert_eq!(found, naive(&kept, &method, &text), "{} {}", method, text);
            let again = turned.find(&method, &path).map(|found| found.endpoint);
            prop_assert_eq!(found, again, "order matters: {} {}", method, text);
            let listed = router.methods(&path);
            prop_assert_eq!(found.is_some(), listed.contains(method.as_str()));
        }
    }

    #[test]
    fn no_path_panics(text in ".{0,64}") {
        let mut router = Router::default();
        router.insert(&Verb::All, &Template::parse("/a/{b=**}:c").unwrap(), 0).unwrap();
        if let Some(Ok(path)) = Path::parse(&text) {
            router.find(&Method::GET, &path);
        }
    }

    #[test]
    fn no_template_panics(text in "[/{}*:=.a-c%é]{0,24}") {
        let _ = Template::parse(&text);
    }
}

#[test]
fn one_route_cannot_be_taken_twice() {
    let mut router = Router::default();
    let get = Verb::Only(Method::GET);
    for (index, text) in ["/a/{x}", "/a/{x}:v", "/a/**"].iter().enumerate() {
        let template = Template::parse(text).unwrap();
        assert_eq!(router.insert(&get, &template, index), Ok(()), "{text}");
    }
    for (text, taken) in [
        ("/a/*", 0),
        ("/a/{y=*}", 0),
        ("/a/{z}:v", 1),
        ("/a/{z=**}", 2),
    ] {
        let template = Template::parse(text).unwrap();
        assert_eq!(router.insert(&get, &template, 9), Err(taken), "{text}");
    }
    let put = Verb::Only(Method::PUT);
    let template = Template::parse("/a/*").unwrap();
    assert_eq!(router.insert(&put, &template, 9), Ok(()));
}

/// A search visits a node once, so the tree's size bounds it: it must not grow with combinations.
#[test]
fn the_tree_is_as_large_as_its_templates() {
    let mut router = Router::default();
    for index in 0..20 {
        let mut segments = ["a"; 20];
        segments[index] = "*";
        let text = format!("/{}/end", segments.join("/"));
        let template = Template::parse(&text).unwrap();
        router.insert(&Verb::All, &template, index).unwrap();
    }
    assert!(router.nodes.len() <= 20 * 21 + 1, "{}", router.nodes.len());
    let text = format!("/{}/nowhere", ["a"; 20].join("/"));
    let path = Path::parse(&text).unwrap().unwrap();
    assert_eq!(router.find(&Method::GET, &path), None);
}
