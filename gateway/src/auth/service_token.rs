//! The gateway's own token, for the methods of the user service that only services may call. Over the
//! bus the records' signatures say who calls; over HTTP/2 this does.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chassis::contract::{Access, Contract};
use chassis::layer::around::{Around, Concern};
use http::{HeaderValue, Request, Response, header};
use parking_lot::Mutex;
use token::AccessSigner;
use tonic::Status;
use tonic::body::Body;

/// The gateway's name in the token.
const SERVICE: &str = "gateway";

/// How long a token holds. It is used for half of that, so that the clocks need not agree.
const LIFETIME: Duration = Duration::from_mins(10);

/// Puts the token on calls of internal methods.
#[derive(Clone)]
pub(crate) struct ServiceToken {
    /// The gRPC paths of internal methods.
    internal: Arc<HashSet<String>>,
    signer: Arc<AccessSigner>,
    current: Arc<Mutex<Option<Current>>>,
}

struct Current {
    bearer: HeaderValue,
    until: SystemTime,
}

/// The layer, for the services of a contract.
pub(crate) fn layer(contract: &Contract, signer: Arc<AccessSigner>) -> Around<ServiceToken> {
    let methods = contract.methods().into_iter();
    let internal = methods.filter(|method| method.access == Access::Internal);
    Around(ServiceToken {
        internal: Arc::new(internal.map(|method| method.path.clone()).collect()),
        signer,
        current: Arc::default(),
    })
}

// === impl ServiceToken ===

impl ServiceToken {
    fn bearer(&self, now: SystemTime) -> Result<HeaderValue, Status> {
        let mut current = self.current.lock();
        // A clock that was set back makes a new one too.
        let good = current
            .as_ref()
            .filter(|current| now < current.until && now + LIFETIME / 2 >= current.until);
        if let Some(good) = good {
            return Ok(good.bearer.clone());
        }
        let token = self
            .signer
            .issue_service(SERVICE, now, LIFETIME)
            .map_err(failed)?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {token}")).map_err(failed)?;
        bearer.set_sensitive(true);
        *current = Some(Current {
            bearer: bearer.clone(),
            until: now + LIFETIME / 2,
        });
        Ok(bearer)
    }
}

impl Concern for ServiceToken {
    type Kept = ();

    fn before(&self, request: &mut Request<Body>) -> Result<(), Status> {
        if self.internal.contains(request.uri().path()) {
            let bearer = self.bearer(SystemTime::now())?;
            request.headers_mut().insert(header::AUTHORIZATION, bearer);
        }
        Ok(())
    }

    fn after((): (), response: Response<Body>) -> Response<Body> {
        response
    }
}

fn failed(why: impl std::fmt::Display) -> Status {
    tracing::error!("no service token can be made: {why}");
    Status::internal("the service failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first test key of RFC 8032.
    const KEY: &str = "k4.secret.nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL_tPJZAc6DuFy89qmIyWvAhpo9wdRGg";

    fn concern() -> ServiceToken {
        let services = [crate::contracts::USERS];
        let contract = Contract::read(proto::descriptors(), &services).unwrap();
        layer(&contract, Arc::new(AccessSigner::from_paserk(KEY).unwrap())).0
    }

    fn sent(path: &str) -> Option<String> {
        let mut request = Request::post(path)
            .header("authorization", "Bearer mine")
            .body(Body::empty())
            .unwrap();
        concern().before(&mut request).unwrap();
        let sent = request.headers().get("authorization")?;
        Some(sent.to_str().unwrap().to_owned())
    }

    #[test]
    fn an_internal_method_is_called_as_the_gateway_and_any_other_as_the_caller() {
        assert_eq!(sent("/user.v1.UserService/Find").unwrap(), "Bearer mine");
        let bearer = sent("/user.v1.UserService/Validate").unwrap();
        let token = bearer.strip_prefix("Bearer ").unwrap();
        let verifier = AccessSigner::from_paserk(KEY).unwrap().verifier();
        let service = verifier.verify_service(token, SystemTime::now());
        assert_eq!(service.unwrap(), SERVICE);
    }

    #[test]
    fn a_token_is_used_for_half_of_its_life() {
        let (concern, now) = (concern(), SystemTime::UNIX_EPOCH + Duration::from_hours(1));
        let first = concern.bearer(now).unwrap();
        assert_eq!(
            concern
                .bearer(now + LIFETIME / 2 - Duration::from_secs(1))
                .unwrap(),
            first
        );
        assert_ne!(concern.bearer(now + LIFETIME / 2).unwrap(), first);
        // Set back by an hour.
        assert_ne!(
            concern.bearer(now - Duration::from_hours(1)).unwrap(),
            first
        );
    }
}
