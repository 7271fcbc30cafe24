//! Regular expressions in RE2's syntax, run by the `regex` crate.
//!
//! The two have one ancestry, and linear time; where they differ, the contract's author is to get
//! what RE2 means. `\d`, `\s`, `\w` and `\b` are ASCII there, so they are rewritten. Within
//! brackets, `[`, `&&`, `--` and `~~` are plain characters there, but not here: those are refused,
//! and can be escaped. The rest that only one of them knows does not compile.

use std::ops::Range;

use regex::Regex;
use regex_syntax::ast::{
    AssertionKind, Ast, ClassPerl, ClassPerlKind, ClassSet, ClassSetBinaryOp, ClassSetItem,
    Visitor, parse::Parser, visit,
};

use crate::reader::{Reader, Site};

/// Takes the rule `pattern` of `family`.
pub(crate) fn read(family: &str, reader: &mut Reader, site: &mut Site<'_>) -> Option<Regex> {
    let pattern = reader.text("pattern")?;
    match compile(&pattern) {
        Ok(regex) => Some(regex),
        Err(problem) => {
            site.fault(format!(
                "`{family}.pattern` is no RE2 expression: {problem}"
            ));
            None
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    let ast = Parser::new()
        .parse(pattern)
        .map_err(|error| error.kind().to_string())?;
    let mut rewritten = pattern.to_owned();
    // From the end, so that the places before stay where they are.
    for (place, text) in visit(&ast, Rewriter::default())?.into_iter().rev() {
        rewritten.replace_range(place, text);
    }
    Regex::new(&rewritten).map_err(|error| error.to_string())
}

/// Collects what to write instead of what, in the order of the pattern.
#[derive(Default)]
struct Rewriter {
    changes: Vec<(Range<usize>, &'static str)>,
}

impl Rewriter {
    fn perl(&mut self, class: &ClassPerl) {
        let text = match (&class.kind, class.negated) {
            (ClassPerlKind::Digit, false) => "[0-9]",
            (ClassPerlKind::Digit, true) => "[^0-9]",
            (ClassPerlKind::Space, false) => r"[\t\n\f\r ]",
            (ClassPerlKind::Space, true) => r"[^\t\n\f\r ]",
            (ClassPerlKind::Word, false) => "[0-9A-Za-z_]",
            (ClassPerlKind::Word, true) => "[^0-9A-Za-z_]",
        };
        self.changes
            .push((class.span.start.offset..class.span.end.offset, text));
    }
}

impl Visitor for Rewriter {
    type Output = Vec<(Range<usize>, &'static str)>;
    type Err = String;

    fn finish(self) -> Result<Self::Output, String> {
        Ok(self.changes)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), String> {
        match ast {
            Ast::ClassPerl(class) => self.perl(class),
            Ast::Assertion(assertion) => {
                let text = match assertion.kind {
                    AssertionKind::WordBoundary => r"(?-u:\b)",
                    // Without Unicode this would match within a character.
                    AssertionKind::NotWordBoundary => {
                        return Err(r"`\B` is not supported".to_owned());
                    }
                    _ => return Ok(()),
                };
                let span = assertion.span;
                self.changes
                    .push((span.start.offset..span.end.offset, text));
            }
            Ast::ClassBracketed(class) => {
                if let ClassSet::BinaryOp(_) = class.kind {
                    return Err(operator());
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), String> {
        match item {
            ClassSetItem::Perl(class) => self.perl(class),
            ClassSetItem::Bracketed(_) => return Err(operator()),
            _ => {}
        }
        Ok(())
    }

    fn visit_class_set_binary_op_pre(&mut self, _: &ClassSetBinaryOp) -> Result<(), String> {
        Err(operator())
    }
}

fn operator() -> String {
    r"within brackets, escape `[`, `&&`, `--` and `~~` with `\`".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn perl_classes_are_ascii_as_in_re2() {
        for (pattern, yes, no) in [
            (r"^\d$", "7", "٣"),
            (r"^\D$", "٣", "7"),
            (r"^\w$", "a", "é"),
            (r"^[\w-]$", "-", "é"),
            (r"^[^\w]$", "é", "a"),
            (r"^\s$", "\t", "\u{a0}"),
            (r"^[\W\d]$", "é", "a"),
            (r"é\bx", "éx", "aéé"),
        ] {
            let regex = compile(pattern).unwrap();
            assert!(regex.is_match(yes), "{pattern} {yes}");
            assert!(!regex.is_match(no), "{pattern} {no}");
        }
    }

    #[test]
    fn what_both_know_stays() {
        for (pattern, yes, no) in [
            (r"^[^\p{Cc}\x{200e}]*$", "name", "a\u{200e}"),
            (r"^\pL+$", "né", "n1"),
            (r"^(?i)abc$", "ABC", "abd"),
            (r"^[[:alpha:]]\z", "a", "1"),
            (r"^.$", "é", "ab"),
            (r"^a$", "a", "a\n"),
        ] {
            let regex = compile(pattern).unwrap();
            assert!(regex.is_match(yes), "{pattern} {yes}");
            assert!(!regex.is_match(no), "{pattern} {no}");
        }
    }

    #[test]
    fn what_would_mean_something_else_is_refused() {
        for pattern in [
            "[a[b]", "[a[b]]", "[a&&b]", "[a--b]", "[a~~b]", r"\Bx", "(", "a{2,1}", r"\C", "(?=a)",
            r"(a)\1",
        ] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_would_take_all_memory_is_refused() {
        assert!(compile("((a{1000}){1000}){1000}").is_err());
    }
}
