//! Path templates, as the comments of `google.api.HttpRule` define them.
//!
//! ```text
//! Template  = "/" Segments [ Verb ] ;
//! Segments  = Segment { "/" Segment } ;
//! Segment   = "*" | "**" | LITERAL | Variable ;
//! Variable  = "{" FieldPath [ "=" Segments ] "}" ;
//! FieldPath = IDENT { "." IDENT } ;
//! Verb      = ":" LITERAL ;
//! ```
//!
//! A literal is made of RFC 3986 path characters other than those that the grammar uses itself, and
//! may be percent-encoded. A bare `/` is accepted too, as the template of no segments.

#[cfg(any(test, feature = "fuzz"))]
mod print;

use std::ops::Range;

use thiserror::Error;

use crate::path;

/// A template may have so many segments; nobody writes more, and the search recurses as deep.
const MAX_SEGMENTS: usize = 128;

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// All segments, with those of variables in place.
    pub(crate) segments: Vec<Segment>,
    /// What is captured, in the order written.
    pub(crate) variables: Vec<Variable>,
    /// The custom verb behind the last `:`, decoded.
    pub(crate) verb: Option<String>,
}

/// What one position of a path must be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Segment {
    /// Exactly this text, decoded.
    Literal(String),
    /// `*`: one segment that is not empty.
    Any,
    /// `**`: all that is left, which may be nothing.
    Rest,
}

/// A field that takes its value from the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// The dotted path of the field in the request message.
    pub(crate) field: String,
    /// The segments that it captures.
    pub(crate) segments: Range<usize>,
    /// Whether it may capture several segments, which changes how it is unescaped.
    pub(crate) multi: bool,
}

/// Why a template is refused, and where (a byte offset).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("bad path template at offset {offset}: {reason}")]
pub(crate) struct TemplateError {
    offset: usize,
    reason: &'static str,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// When the text does not follow the grammar, when `**` is not the last segment, when two
    /// variables name the same field, or when there are too many segments.
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        Parser {
            text,
            at: 0,
            segments: Vec::new(),
            variables: Vec::new(),
        }
        .template()
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
}

impl<'a> Parser<'a> {
    fn template(mut self) -> Result<Template, TemplateError> {
        if !self.eat('/') {
            return self.fail("it must start with `/`");
        }
        if self.at < self.text.len() {
            self.segments(true)?;
        }
        let verb = if self.eat(':') {
            Some(self.literal("a verb must follow `:`")?)
        } else {
            None
        };
        match self.peek() {
            None => Ok(Template {
                segments: self.segments,
                variables: self.variables,
                verb,
            }),
            Some('}') => self.fail("`}` closes nothing"),
            Some(':') => self.fail("there may be one `:`, before the verb at the end"),
            Some('/') => self.fail("the verb must be the end of the template"),
            Some(_) => self.fail("this character cannot stand here"),
        }
    }

    fn segments(&mut self, variables: bool) -> Result<(), TemplateError> {
        loop {
            self.segment(variables)?;
            if !self.eat('/') {
                return Ok(());
            }
        }
    }

    fn segment(&mut self, variables: bool) -> Result<(), TemplateError> {
        if self.segments.last() == Some(&Segment::Rest) {
            return self.fail("`**` must be the last segment");
        }
        if self.segments.len() == MAX_SEGMENTS {
            return self.fail("there may be at most 128 segments");
        }
        match self.peek() {
            Some('{') if variables => self.variable(),
            Some('{') => self.fail("a variable cannot hold another variable"),
            Some('*') => {
                self.at += 1;
                let segment = if self.eat('*') {
                    Segment::Rest
                } else {
                    Segment::Any
                };
                if !matches!(self.peek(), None | Some('/' | ':' | '}')) {
                    return self.fail("a wildcard must be a whole segment");
                }
                self.segments.push(segment);
                Ok(())
            }
            _ => {
                let literal = self.literal("a segment must not be empty")?;
                self.segments.push(Segment::Literal(literal));
                Ok(())
            }
        }
    }

    fn variable(&mut self) -> Result<(), TemplateError> {
        let opening = self.at;
        self.at += 1;
        let field = self.field_path()?;
        let start = self.segments.len();
        if self.eat('=') {
            self.segments(false)?;
        } else {
            self.segments.push(Segment::Any);
        }
        if !self.eat('}') {
            return self.fail("the variable is not closed by `}`");
        }
        if !matches!(self.peek(), None | Some('/' | ':')) {
            return self.fail("a variable must be whole segments");
        }
        if self.variables.iter().any(|other| other.field == field) {
            self.at = opening;
            return self.fail("another variable names the same field");
        }
        let segments = start..self.segments.len();
        let multi = segments.len() > 1 || self.segments.last() == Some(&Segment::Rest);
        self.variables.push(Variable {
            field,
            segments,
            multi,
        });
        Ok(())
    }

    fn field_path(&mut self) -> Result<String, TemplateError> {
        let start = self.at;
        loop {
            match self.peek() {
                Some('a'..='z' | 'A'..='Z' | '_') => self.at += 1,
                _ => return self.fail("a field name must follow"),
            }
            while matches!(self.peek(), Some('a'..='z' | 'A'..='Z' | '_' | '0'..='9')) {
                self.at += 1;
            }
            if !self.eat('.') {
                return Ok(self.text[start..self.at].to_owned());
            }
        }
    }

    fn literal(&mut self, when_empty: &'static str) -> Result<String, TemplateError> {
        let start = self.at;
        while let Some(next) = self.peek() {
            match next {
                'a'..='z'
                | 'A'..='Z'
                | '0'..='9'
                | '-'
                | '.'
                | '_'
                | '~'
                | '!'
                | '$'
                | '&'
                | '\''
                | '('
                | ')'
                | '+'
                | ','
                | ';'
                | '='
                | '@'
                | '%' => {}
                '/' | ':' | '}' => break,
                '*' => return self.fail("a wildcard must be a whole segment"),
                '{' => return self.fail("a variable must be whole segments"),
                _ => return self.fail("this character must be percent-encoded"),
            }
            self.at += 1;
        }
        if start == self.at {
            return self.fail(when_empty);
        }
        match path::decode_segment(&self.text[start..self.at], false) {
            Ok(literal) => Ok(literal.into_owned()),
            Err(_) => self.fail("the percent-encoding is broken"),
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn fail<T>(&self, reason: &'static str) -> Result<T, TemplateError> {
        Err(TemplateError {
            offset: self.at,
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Segments, each with whether a variable begins with it, and the verb.
    fn whole() -> impl Strategy<Value = Template> {
        let literal = "[a-z/:{}*=%é ]{1,4}".prop_map(Segment::Literal);
        let segment = prop_oneof![3 => literal, 1 => Just(Segment::Any)];
        (
            prop::collection::vec((segment, 0_usize..4), 1..6),
            any::<bool>(),
            prop::option::of("[a-z:/ ]{1,3}"),
        )
            .prop_map(|(parts, rest, verb)| {
                let mut segments: Vec<_> =
                    parts.iter().map(|(segment, _)| segment.clone()).collect();
                segments.extend(rest.then_some(Segment::Rest));
                let mut variables = Vec::new();
                let mut at = 0;
                for (_, length) in parts {
                    let end = at + length;
                    if length > 0 && end <= segments.len() {
                        variables.push(Variable {
                            field: format!("f{at}.g_"),
                            segments: at..end,
                            multi: length > 1 || segments[end - 1] == Segment::Rest,
                        });
                        at = end;
                    } else {
                        at += 1;
                    }
                }
                Template {
                    segments,
                    variables,
                    verb,
                }
            })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(template in whole()) {
            let text = template.to_string();
            prop_assert_eq!(Template::parse(&text), Ok(template), "{}", text);
        }

        #[test]
        fn what_is_read_means_the_same_when_printed(text in "/?([a-c%2]{1,3}|[*]{1,2}|[{]a=?[*]?[}]|[/:]){1,8}") {
            if let Ok(template) = Template::parse(&text) {
                let printed = template.to_string();
                prop_assert_eq!(Template::parse(&printed), Ok(template), "{}", printed);
            }
        }
    }

    fn literal(text: &str) -> Segment {
        Segment::Literal(text.to_owned())
    }

    /// Text, segments, variables as (field, segments, multi), verb.
    type Case<'c> = (
        &'c str,
        Vec<Segment>,
        &'c [(&'c str, Range<usize>, bool)],
        Option<&'c str>,
    );

    #[test]
    fn every_production_of_the_grammar_is_read() {
        use Segment::{Any, Rest};
        let cases: &[Case] = &[
            ("/", vec![], &[], None),
            (
                "/v1/users",
                vec![literal("v1"), literal("users")],
                &[],
                None,
            ),
            (
                "/v1/*/x/**",
                vec![literal("v1"), Any, literal("x"), Rest],
                &[],
                None,
            ),
            ("/{id}", vec![Any], &[("id", 0..1, false)], None),
            (
                "/v1/{a.b_c.d1=*}",
                vec![literal("v1"), Any],
                &[("a.b_c.d1", 1..2, false)],
                None,
            ),
            (
                "/{name=x}",
                vec![literal("x")],
                &[("name", 0..1, false)],
                None,
            ),
            (
                "/v1/{name=users/*/files/**}:undelete",
                vec![literal("v1"), literal("users"), Any, literal("files"), Rest],
                &[("name", 1..5, true)],
                Some("undelete"),
            ),
            ("/{name=**}", vec![Rest], &[("name", 0..1, true)], None),
            (
                "/{a}/{b=s/*}/c",
                vec![Any, literal("s"), Any, literal("c")],
                &[("a", 0..1, false), ("b", 1..3, true)],
                None,
            ),
            ("/a:verb", vec![literal("a")], &[], Some("verb")),
            (
                "/a%20b/@me;x=1",
                vec![literal("a b"), literal("@me;x=1")],
                &[],
                None,
            ),
        ];
        for (text, segments, variables, verb) in cases {
            let template = Template::parse(text).unwrap();
            assert_eq!(&template.segments, segments, "{text}");
            let found: Vec<_> = template
                .variables
                .iter()
                .map(|v| (v.field.as_str(), v.segments.clone(), v.multi))
                .collect();
            assert_eq!(&found, variables, "{text}");
            assert_eq!(template.verb.as_deref(), *verb, "{text}");
        }
    }

    #[test]
    fn a_template_has_at_most_so_many_segments() {
        assert!(Template::parse(&"/a".repeat(MAX_SEGMENTS)).is_ok());
        let error = Template::parse(&"/a".repeat(MAX_SEGMENTS + 1)).unwrap_err();
        assert!(error.reason.contains("at most 128"), "{error}");
        // A variable without segments of its own has one.
        let variables: String = (0..=MAX_SEGMENTS).map(|n| format!("/{{v{n}}}")).collect();
        assert!(Template::parse(&variables).is_err());
        assert!(Template::parse(&format!("/{{v={}}}", "*/".repeat(100_000))).is_err());
    }

    #[test]
    fn what_the_grammar_forbids_is_refused_with_its_place() {
        let cases = [
            ("", 0, "start with"),
            ("v1/users", 0, "start with"),
            ("/v1//users", 4, "empty"),
            ("/v1/", 4, "empty"),
            ("/**/a", 4, "last segment"),
            ("/{a=**}/b", 8, "last segment"),
            ("/{a=**/b}", 7, "last segment"),
            ("/{a={b}}", 4, "another variable"),
            ("/{}", 2, "field name"),
            ("/{a.}", 4, "field name"),
            ("/{1a}", 2, "field name"),
            ("/{a", 3, "closed"),
            ("/{a=*", 5, "closed"),
            ("/{a=}", 4, "empty"),
            ("/a}", 2, "closes nothing"),
            ("/{a}b", 4, "whole segments"),
            ("/b{a}", 2, "whole segments"),
            ("/a*", 2, "whole segment"),
            ("/*a", 2, "whole segment"),
            ("/***", 3, "whole segment"),
            ("/a:", 3, "verb"),
            ("/a:b:c", 4, "one `:`"),
            ("/a:b/c", 4, "verb must be the end"),
            ("/a b", 2, "percent-encoded"),
            ("/a?b", 2, "percent-encoded"),
            ("/é", 1, "percent-encoded"),
            ("/%zz", 4, "broken"),
            ("/{a}/{a}", 5, "same field"),
        ];
        for (text, offset, reason) in cases {
            let error = Template::parse(text).unwrap_err();
            assert_eq!(error.offset, offset, "{text}: {error}");
            assert!(error.reason.contains(reason), "{text}: {error}");
        }
    }
}
