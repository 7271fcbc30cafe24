//! Calls that are admitted before their body is read: nobody's body is whose call would not be made.

use http::{Extensions, HeaderMap, Request};
use tonic::Status;

use super::Front;
use crate::client::Client;
use crate::limits::Standing;

/// What was decided of a call before its body was read, in the request's extensions.
#[derive(Debug, Clone)]
pub(super) struct Early {
    pub(super) admitted: Result<(), Status>,
    pub(super) standing: Option<Standing>,
}

impl Front {
    /// Whether a call of the method with this gRPC path may be made, decided before its body is read. It is
    /// counted as a call, and not again when it is made.
    pub(crate) async fn admits<B>(&self, path: &str, request: &mut Request<B>) -> bool {
        let mut standing = None;
        let client = request.extensions().get::<Client>();
        let admitted = self
            .admission
            .check(path, request.headers(), client, &mut standing)
            .await
            .map(|_| ());
        let may = admitted.is_ok();
        request
            .extensions_mut()
            .insert(Early { admitted, standing });
        may
    }
}

/// Says in the headers of an answer what is left to the caller of a call that was admitted and not made.
pub(crate) fn write_standing(extensions: &mut Extensions, headers: &mut HeaderMap) {
    let early = extensions.remove::<Early>();
    if let Some(standing) = early.and_then(|early| early.standing) {
        standing.write(headers);
    }
}
