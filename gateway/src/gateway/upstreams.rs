//! Where the calls of each service go.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use bus::KafkaChannel;
use chassis::layer::{self, LayerService, catch_panic, deadline, load_shed, propagate, validation};
use http::Uri;
use proto::auth::v1::auth_service_server::AuthServiceServer;
use tower::Layer as _;

use super::{BuildError, Tokens};
use crate::auth::{Auth, service_token};
use crate::contracts::USERS;
use crate::front::Upstream;
use crate::revocation::Revocations;
use crate::shared::Shared;
use crate::upstream::{Http2, Target};
use crate::{Contracts, breaker};

/// The upstream of each service of the contracts, by name.
pub(super) fn of(
    stack: &layer::Parts,
    contracts: &Contracts,
    channel: Option<&KafkaChannel>,
    tokens: Tokens,
    revocations: &Revocations,
) -> Result<HashMap<String, Upstream>, BuildError> {
    let mut upstreams = HashMap::new();
    // Services of one server share its connection.
    let mut servers = HashMap::<&Uri, Http2>::new();
    let mut users = None;
    for (service, uri) in &contracts.direct {
        let server = match servers.entry(uri) {
            Entry::Occupied(server) => server.into_mut(),
            Entry::Vacant(server) => {
                let target = Target::new(uri, contracts.upstream_tls())?;
                server.insert(Http2::new(target, Arc::clone(&stack.contract)))
            }
        };
        let called = called(stack, service, server.clone());
        if service == USERS {
            users = Some(Shared::new(called.clone()));
        }
        upstreams.insert(service.clone(), edge(stack, called));
    }
    let on_bus = contracts.bus();
    let mut on_bus: Vec<_> = on_bus
        .methods()
        .iter()
        .map(|method| method.service.clone())
        .collect();
    on_bus.dedup();
    let mut users_on_bus = None;
    for service in on_bus {
        let channel = channel.cloned();
        let channel = channel.ok_or_else(|| BuildError::NoBus(service.clone()))?;
        let called = called(stack, &service, channel);
        if service == USERS {
            users_on_bus = Some(Shared::new(called.clone()));
        }
        upstreams.insert(service, edge(stack, called));
    }
    if !contracts.hosts_accounts() {
        return Ok(upstreams);
    }
    let Tokens::Minted {
        signer,
        refresh_keys,
    } = tokens
    else {
        return Err(BuildError::NoKeys);
    };
    let signer = Arc::new(signer);
    let users = match users {
        // Over HTTP/2 a token says what the bus key says over the bus.
        Some(direct) => {
            let tokens = service_token::layer(&stack.contract, Arc::clone(&signer));
            Shared::new(tokens.layer(direct))
        }
        None => users_on_bus.ok_or_else(|| BuildError::NoBus(USERS.to_owned()))?,
    };
    let auth = Auth::new(users, signer, Arc::new(refresh_keys), revocations.clone());
    // The channel has bounds of its own for what it carries.
    let auth = load_shed::layer(stack).layer(AuthServiceServer::new(auth));
    let auth = edge(stack, auth);
    let own = proto::GATEWAY_SERVICES.map(|service| (service.to_owned(), auth.clone()));
    upstreams.extend(own);
    Ok(upstreams)
}

/// A service as it is called: with the trace of the call that it is for, and not at all for a while if
/// it fails all calls.
fn called<S: LayerService>(
    stack: &layer::Parts,
    service: &str,
    upstream: S,
) -> impl LayerService + use<S> {
    let traced = propagate::layer().layer(upstream);
    breaker::layer(service, &stack.contract).layer(traced)
}

/// What is checked at the edge, before a call leaves: panics, deadline, the contract's rules. Access,
/// traces, metrics and the log are the front's.
fn edge<S: LayerService>(parts: &layer::Parts, service: S) -> Upstream {
    let service = validation::layer(parts).layer(service);
    let service = deadline::layer().layer(service);
    Shared::new(catch_panic::layer().layer(service))
}
