//! The contracts of the platform, compiled.
//!
//! The `.proto` files beside this crate are the only source of truth: from them come the message
//! types, the clients and the server traits below, and the [descriptor pool](descriptors) from
//! which routes, topics, access rules and validation are read at start.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

/// The contracts as an encoded `google.protobuf.FileDescriptorSet`, with comments and options.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/contracts.binpb"));

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the build script decoded the same bytes")
});

/// The descriptors of all contracts.
#[must_use]
pub fn descriptors() -> &'static DescriptorPool {
    &POOL
}

/// The services that the gateway hosts itself. All others but [`ADMIN_SERVICES`] are reached over the
/// bus.
pub const GATEWAY_SERVICES: [&str; 1] = ["auth.v1.AuthService"];

/// The services for operators: each is on its own process's port alone, neither on the bus nor behind
/// the gateway.
pub const ADMIN_SERVICES: [&str; 1] = ["notification.v1.DeadLetterService"];

/// The applications that call services over the bus: replies come to `reply.<application>`.
pub const CALLING_APPS: [&str; 1] = ["gateway"];

/// The full names of the services that are reached over the bus: every service of the contracts
/// that the gateway does not host and that is not for operators.
#[must_use]
pub fn bus_services() -> Vec<String> {
    let names = POOL
        .services()
        .map(|service| service.full_name().to_owned());
    names
        .filter(|name| !GATEWAY_SERVICES.contains(&name.as_str()))
        .filter(|name| !ADMIN_SERVICES.contains(&name.as_str()))
        .collect()
}

macro_rules! package {
    ($package:ident, $file:literal, $about:literal) => {
        #[doc = $about]
        pub mod $package {
            /// Version 1.
            #[allow(
                missing_debug_implementations,
                unused_qualifications,
                clippy::all,
                clippy::pedantic,
                reason = "generated"
            )]
            pub mod v1 {
                tonic::include_proto!($file);
            }
        }
    };
}

package!(
    auth,
    "auth.v1",
    "Sign-up, sign-in and the profile, as clients see them."
);
package!(notification, "notification.v1", "Mails to people.");
package!(user, "user.v1", "Accounts and sessions.");

/// `Debug` for the messages with secrets.
#[allow(unused_qualifications, reason = "generated")]
mod redacted {
    include!(concat!(env!("OUT_DIR"), "/redacted.rs"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_field_is_not_printed() {
        let request = user::v1::RegisterRequest {
            email: "ada@example.com".into(),
            password: "correct horse".into(),
            name: "Ada".into(),
        };
        let printed = format!("{request:?}");
        assert!(
            printed.contains("ada@example.com") && printed.contains("[redacted]"),
            "{printed}"
        );
        assert!(!printed.contains("correct horse"), "{printed}");
    }

    #[test]
    fn custom_options_survive_compilation() {
        let find = descriptors()
            .get_service_by_name("user.v1.UserService")
            .and_then(|service| service.methods().find(|method| method.name() == "Find"))
            .unwrap();
        let extension = descriptors()
            .get_extension_by_name("trolleybus.v1.method")
            .unwrap();
        let options = find.options().get_extension(&extension).into_owned();
        let topic = options
            .as_message()
            .unwrap()
            .get_field_by_name("topic")
            .unwrap()
            .into_owned();
        assert_eq!(topic.as_str(), Some("user.find"));
    }
}
