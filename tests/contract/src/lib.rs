//! Contracts that only tests, examples and benchmarks serve.
//!
//! [`echo`] has a method for each thing that the bus promises. [`older`] and [`newer`] are two
//! versions of one contract, as two releases of a service and its callers would have them. [`feed`] is
//! one that knows nothing of the platform, and [`order`] says all that the platform's options can say over
//! HTTP/2. [`Echo`] serves the first; its [`Ledger`] tells what began and what took effect.

pub mod feed_service;
pub mod ledger;
pub mod order_service;
pub mod service;

pub use feed_service::Feed;
pub use ledger::Ledger;
pub use order_service::Orders;
pub use service::Echo;

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

/// The echo service: `echo.v1.EchoService`.
pub const ECHO: &str = "echo.v1.EchoService";

/// The service of another platform: `feed.v1.FeedService`.
pub const FEED: &str = "feed.v1.FeedService";

/// The smallest service: `hello.v1.HelloService`.
pub const HELLO: &str = "hello.v1.HelloService";

/// The service over HTTP/2 with the platform's options: `order.v1.OrderService`.
pub const ORDER: &str = "order.v1.OrderService";

/// The service of events: `echo.v1.NoteService`.
pub const NOTE: &str = "echo.v1.NoteService";

/// The service that has two versions: `compat.v1.CompatService`.
pub const COMPAT: &str = "compat.v1.CompatService";

macro_rules! contract {
    ($module:ident, $folder:literal, $package:literal, $about:literal) => {
        #[doc = $about]
        #[allow(
            missing_debug_implementations,
            unused_qualifications,
            clippy::all,
            clippy::pedantic,
            clippy::doc_markdown,
            reason = "generated"
        )]
        pub mod $module {
            include!(concat!(env!("OUT_DIR"), "/", $folder, "/", $package, ".rs"));

            /// A `google.protobuf.FileDescriptorSet`.
            pub const DESCRIPTORS: &[u8] =
                include_bytes!(concat!(env!("OUT_DIR"), "/", $folder, "/contract.binpb"));

            static POOL: super::LazyLock<super::DescriptorPool> = super::LazyLock::new(|| {
                super::DescriptorPool::decode(DESCRIPTORS).expect("the compiler has linked it")
            });

            /// The descriptors, with options and comments.
            #[must_use]
            pub fn descriptors() -> &'static super::DescriptorPool {
                &POOL
            }
        }
    };
}

contract!(echo, "echo", "echo.v1", "Package `echo.v1`.");
contract!(feed, "feed", "feed.v1", "Package `feed.v1`.");
contract!(hello, "hello", "hello.v1", "Package `hello.v1`.");
contract!(order, "order", "order.v1", "Package `order.v1`.");
contract!(
    older,
    "older",
    "compat.v1",
    "Package `compat.v1`, the older release."
);
contract!(
    newer,
    "newer",
    "compat.v1",
    "Package `compat.v1`, the newer release."
);
