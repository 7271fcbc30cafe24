//! What `cargo xtask test` runs besides the Rust tests.
//!
//! A suite is one file in `suite/` with `pub(crate) fn run(context: &Context) -> Result<Outcome>` and one
//! line in [`suites!`] below.

use anyhow::Result;

use crate::context::Context;

/// How a suite ended; an error is a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// So many checks passed.
    Passed(usize),
    /// So many checks passed, and this is for another place to run: each with its reason.
    PassedPartly { passed: usize, not_run: Vec<String> },
    /// It could not run here: why, and what to do about it.
    LeftOut(String),
}

/// What has to be there before a suite runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Requires {
    /// Nothing beyond its tools.
    Nothing,
    /// The built binaries, in `context.bin_dir("debug")`.
    Binaries,
    /// The binaries, and real Kafka, PostgreSQL and Redis in `context.servers()`.
    Servers,
}

/// One registered suite.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) requires: Requires,
    pub(crate) run: fn(&Context) -> Result<Outcome>,
}

macro_rules! suites {
    ($($name:ident requires $requires:ident;)*) => {
        $(mod $name;)*
        /// Every suite, in the order in which they run.
        pub(crate) const ALL: &[Suite] = &[
            $(Suite { name: stringify!($name), requires: Requires::$requires, run: $name::run },)*
        ];
    };
}

suites! {
    browser requires Binaries;
    buf requires Nothing;
    client requires Binaries;
    compose requires Binaries;
    connect requires Binaries;
    docs requires Binaries;
    grpcurl requires Binaries;
    helm requires Nothing;
    just requires Nothing;
    nest requires Servers;
    openapi requires Binaries;
    python requires Binaries;
    readme requires Servers;
    spring requires Servers;
}
