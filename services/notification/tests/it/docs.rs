//! Every reason has its page.

use std::path::Path;

use notification::error::REASONS;

#[test]
fn every_reason_has_a_page_with_its_status() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    for reason in REASONS {
        let name = reason.reason;
        let page = std::fs::read_to_string(pages.join(format!("{name}.md")))
            .unwrap_or_else(|error| panic!("docs/errors/{name}.md: {error}"));
        assert!(page.starts_with(&format!("# {name}\n")), "{name}");
        assert!(
            page.contains(&format!("({})", i32::from(reason.code))),
            "{name}"
        );
        assert!(page.contains("`notification`"), "{name}");
    }
}
