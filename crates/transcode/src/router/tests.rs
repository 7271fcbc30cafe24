//! The tree against a matcher too plain to be wrong.

use proptest::prelude::*;

use super::*;

/// Literals, escaped and not, one of them a `*` that is data.
fn literal() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => Just("a"), 4 => Just("b"), 1 => Just("%61"), 1 => Just("a%2Fb"), 1 => Just("%2A"),
        1 => Just("a%3Av"), 1 => Just("%C3%A9"),
    ]
}

/// Segments as text: some of them in a variable, which must not change what is matched.
fn template() -> impl Strategy<Value = String> {
    let segment = prop_oneof![2 => literal(), 1 => Just("*")];
    (
        prop::collection::vec((segment, prop::bool::weighted(0.2)), 0..5),
        prop::option::weighted(0.3, any::<bool>()),
        prop::option::weighted(0.25, prop::sample::select(vec!["v", "w", "%76", "é"])),
    )
        .prop_map(|(mut segments, rest, verb)| {
            segments.extend(rest.map(|variable| ("**", variable)));
            let segments = segments.iter().enumerate();
            let text: String = segments
                .map(|(at, (segment, variable))| match variable {
                    true => format!("/{{f{at}={segment}}}"),
                    false => format!("/{segment}"),
                })
                .collect();
            let verb = verb.map(|verb| format!(":{}", path::encode_segment(verb)));
            let text = if text.is_empty() { "/" } else { &text };
            // A bare `/` has no segment that a verb could follow.
            let verb = verb.filter(|_| text != "/").unwrap_or_default();
            format!("{text}{}", verb.replace("%2576", "%76"))
        })
}

fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        6 => literal(), 1 => Just("c"), 1 => Just("*"), 1 => Just(""), 1 => Just("a:v"),
        1 => Just("a:%76"), 1 => Just(":w"), 1 => Just("b:x"), 1 => Just("a:b:v"),
        1 => Just("b:%C3%A9"), 1 => Just("%zz"), 1 => Just("a:%"), 1 => Just("%ff"), 1 => Just("%00"),
    ];
    prop::collection::vec(segment, 0..6).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn method() -> impl Strategy<Value = Method> {
    prop::sample::select(vec![Method::GET, Method::POST, Method::HEAD])
}

fn verb() -> impl Strategy<Value = Verb> {
    prop_oneof![4 => method().prop_map(Verb::Only), 1 => Just(Verb::All)]
}

/// Inserts what is no other's route already, and gives back what it kept.
fn insert(router: &mut Router, rules: Vec<(Verb, String)>) -> Vec<(Verb, Template)> {
    let mut kept = Vec::new();
    for (verb, text) in rules {
        let template = Template::parse(&text).unwrap();
        if router.insert(&verb, &template, kept.len()).is_ok() {
            kept.push((verb, template));
        }
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_tree_finds_what_the_plain_matcher_finds(
        rules in prop::collection::vec((verb(), template()), 1..12),
        paths in prop::collection::vec((method(), path()), 1..12),
        turn in any::<prop::sample::Index>(),
    ) {
        let mut router = Router::default();
        let kept = insert(&mut router, rules);
        let mut turned = Router::default();
        let mut order: Vec<_> = (0..kept.len()).collect();
        order.rotate_left(turn.index(kept.len()));
        for index in order {
            prop_assert_eq!(turned.insert(&kept[index].0, &kept[index].1, index), Ok(()));
        }
        for (method, text) in paths {
            let expected = naive::find(&kept, &method, &text);
            let Some(Ok(path)) = Path::parse(&text) else {
                prop_assert_eq!(expected, None, "{}", text);
                continue;
            };
            let found = router.find(&method, &path).map(|found| found.endpoint);
            prop_assert_eq!(found, expected, "{} {}", method, text);
            let again = turned.find(&method, &path).map(|found| found.endpoint);
            prop_assert_eq!(found, again, "order matters: {} {}", method, text);
            let mut listed: Vec<_> = router.methods(&path).into_iter().collect();
            listed.sort_unstable();
            prop_assert_eq!(listed, naive::methods(&kept, &text), "{}", text);
        }
    }

    /// Each search of the tree sees a node once at most, with a verb and without.
    #[test]
    fn a_search_visits_a_node_at_most_twice(
        rules in prop::collection::vec((verb(), template()), 1..24),
        text in path(),
    ) {
        let mut router = Router::default();
        insert(&mut router, rules);
        if let Some(Ok(path)) = Path::parse(&text) {
            router.methods(&path);
            for node in &router.nodes {
                prop_assert!(node.visits.load(Ordering::Relaxed) <= 2);
            }
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
        ("/%61/*", 0),
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

/// A router of all templates of `a` and `*` with so many segments, each with `end` after them.
fn crossed(segments: u32) -> Router {
    let mut router = Router::default();
    for index in 0..1_usize << segments {
        let any = |bit| index >> bit & 1 == 1;
        let text: String = (0..segments)
            .map(|bit| if any(bit) { "/*" } else { "/a" })
            .collect();
        let template = Template::parse(&format!("{text}/end")).unwrap();
        router.insert(&Verb::All, &template, index).unwrap();
    }
    router
}

fn visits(router: &Router) -> usize {
    let visits = router
        .nodes
        .iter()
        .map(|node| node.visits.swap(0, Ordering::Relaxed));
    visits.sum()
}

/// The worst there is for a search that goes back: every branch matches until the last segment.
#[test]
fn a_search_that_fails_late_visits_no_more_than_the_tree() {
    for segments in 1..=12 {
        let router = crossed(segments);
        let text = format!("{}/nowhere", "/a".repeat(segments as usize));
        let path = Path::parse(&text).unwrap().unwrap();
        assert_eq!(router.find(&Method::GET, &path), None);
        let (visits, templates) = (visits(&router), 1_usize << segments);
        // As many nodes as a tree has above so many leaves; the ends themselves are not reached.
        assert_eq!(visits, 2 * templates - 1, "{segments}");
        assert_eq!(router.nodes.len(), 3 * templates - 1, "{segments}");
    }
}

/// Few templates that share much: the tree grows with their length, not with their combinations.
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
    assert!(visits(&router) <= router.nodes.len());
}

/// A long path costs what the templates are long, not what it is long.
#[test]
fn a_search_goes_no_deeper_than_the_longest_template() {
    let mut router = Router::default();
    for (index, text) in ["/a/a/a/**", "/a/*/a", "/*/*/*/*", "/**"]
        .iter()
        .enumerate()
    {
        let template = Template::parse(text).unwrap();
        router.insert(&Verb::All, &template, index).unwrap();
    }
    let text = "/a".repeat(100_000);
    let path = Path::parse(&text).unwrap().unwrap();
    assert_eq!(router.methods(&path).len(), 1);
    assert!(visits(&router) <= router.nodes.len());
}
