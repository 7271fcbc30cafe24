//! The comments of a contract, from the source information that compilers keep beside it.

use std::cell::RefCell;
use std::collections::HashMap;

use prost_reflect::FileDescriptor;

/// Comments of files, indexed when a file is first asked for.
#[derive(Debug, Default)]
pub(crate) struct Comments {
    files: RefCell<HashMap<String, HashMap<Vec<i32>, String>>>,
}

impl Comments {
    /// The comment above the element at `path` of a file; empty when it has none.
    pub(crate) fn text(&self, file: &FileDescriptor, path: &[i32]) -> String {
        let mut files = self.files.borrow_mut();
        let index = files
            .entry(file.name().to_owned())
            .or_insert_with(|| index(file));
        index.get(path).cloned().unwrap_or_default()
    }
}

fn index(file: &FileDescriptor) -> HashMap<Vec<i32>, String> {
    let proto = file.file_descriptor_proto();
    let Some(source) = &proto.source_code_info else {
        return HashMap::new();
    };
    source
        .location
        .iter()
        .filter_map(|location| {
            let comment = location
                .leading_comments
                .as_ref()
                .or(location.trailing_comments.as_ref())?;
            let lines: Vec<_> = comment.lines().map(str::trim).collect();
            Some((location.path.clone(), lines.join("\n").trim().to_owned()))
        })
        .collect()
}

/// The first sentence, without its full stop, and the rest.
pub(crate) fn split(comment: &str) -> (String, String) {
    let end = comment
        .match_indices(['.', '\n'])
        .find(|(at, found)| match *found {
            "." => comment[at + 1..].is_empty() || comment[at + 1..].starts_with([' ', '\n']),
            _ => comment[at + 1..].starts_with('\n'),
        })
        .map_or(comment.len(), |(at, _)| at);
    let rest = comment[end..].trim_start_matches('.').trim();
    (comment[..end].replace('\n', " "), rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn the_summary_is_the_first_sentence() {
        for (comment, summary, rest) in [
            ("", "", ""),
            ("Reads a user.", "Reads a user", ""),
            (
                "Reads v1.2 of\na user. Slowly.",
                "Reads v1.2 of a user",
                "Slowly.",
            ),
            ("Heading\n\nMore.", "Heading", "More."),
            ("No stop", "No stop", ""),
        ] {
            assert_eq!(split(comment), (summary.to_owned(), rest.to_owned()));
        }
    }
}
