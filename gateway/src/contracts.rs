//! What the gateway fronts: its own contracts, and those of descriptor sets; and where each service's
//! calls go.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chassis::contract::{Access, Contract, RateLimit, RateLimitKey};
use http::Uri;
use prost::Message as _;
use prost_reflect::prost_types::{FileDescriptorProto, FileDescriptorSet};
use prost_reflect::{DescriptorPool, FileDescriptor};

use crate::upstream::UpstreamTls;

/// The packages that every descriptor set brings along in the version that it was made with. They only
/// grow, so ours do for all.
const COMMON: [&str; 3] = ["google", "buf.validate", "trolleybus.v1"];

/// The service behind the gateway's own accounts.
pub(crate) const USERS: &str = "user.v1.UserService";

/// A compiled set of `.proto` files, as `buf build -o` and `protoc --include_imports -o` write it.
#[derive(Debug, Clone)]
pub struct DescriptorSet {
    /// Where it comes from, for messages.
    pub name: String,
    /// A `google.protobuf.FileDescriptorSet`.
    pub bytes: Vec<u8>,
}

/// A `FileDescriptorSet`, of whose files only what is asked of all of them is read.
#[derive(prost::Message)]
struct Heads {
    #[prost(message, repeated, tag = "1")]
    file: Vec<Head>,
}

#[derive(prost::Message)]
struct Head {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    package: String,
    #[prost(string, tag = "12")]
    syntax: String,
}

/// Where the calls of a service go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The bus.
    Kafka,
    /// A gRPC server: `http://host:port`, or `https://` with TLS.
    Http2(Uri),
}

/// Whether there is a bus that calls can go over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bus {
    /// There is: the platform's own services are behind it, unless they are named.
    Here,
    /// There is none: only what is called over HTTP/2 is fronted.
    Absent,
}

/// The services that are fronted.
#[derive(Debug, Clone)]
pub struct Contracts {
    pub(crate) pool: DescriptorPool,
    pub(crate) contract: Arc<Contract>,
    /// The services that are called over HTTP/2.
    pub(crate) direct: BTreeMap<String, Uri>,
    bus: Arc<Contract>,
    hosts_accounts: bool,
    upstream_tls: UpstreamTls,
}

// === impl Target ===

impl Target {
    /// Reads `kafka`, `http://host:port` or `https://host:port`.
    fn parse(text: &str) -> Option<Self> {
        if text == "kafka" {
            return Some(Self::Kafka);
        }
        let uri: Uri = text.parse().ok()?;
        let bare = uri.path_and_query().is_none_or(|path| path == "/");
        let authority = uri.authority()?;
        let plain = !authority.as_str().contains('@') && !authority.host().is_empty();
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        (known && bare && plain).then_some(Self::Http2(uri))
    }
}

/// Reads `acme.v1.Orders=http://host:port,user.v1.UserService=kafka`.
///
/// # Errors
/// What is wrong with the first part that is.
pub fn upstreams(text: &str) -> Result<BTreeMap<String, Target>, String> {
    let mut upstreams = BTreeMap::new();
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        // Not repeated: what has no name before it may be an address with a password.
        let (service, target) = part
            .split_once('=')
            .map(|(service, target)| (service.trim(), target.trim()))
            .filter(|(service, _)| is_name(service))
            .ok_or("expected package.Service=kafka or =http://host:port, comma-separated")?;
        let read = Target::parse(target).ok_or_else(|| {
            format!(
                "{service}: expected kafka, http://host:port or https://host:port, without a path"
            )
        })?;
        if upstreams.insert(service.to_owned(), read).is_some() {
            return Err(format!("{service}: is named twice"));
        }
    }
    Ok(upstreams)
}

/// Whether it can be the full name of a service.
fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    !text.is_empty() && text.bytes().all(legal)
}

// === impl Contracts ===

impl Contracts {
    /// The contracts that the gateway was compiled with, over the bus.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn compiled() -> Result<Self, Vec<String>> {
        Self::read(&[], &BTreeMap::new(), None, Bus::Here)
    }

    /// The compiled contracts, where there is what serves them, and, of the services in `sets`, those
    /// that `upstreams` names. `access` is that of their methods that declare none.
    ///
    /// # Errors
    /// All that is wrong, a line each.
    pub fn read(
        sets: &[DescriptorSet],
        upstreams: &BTreeMap<String, Target>,
        access: Option<Access>,
        bus: Bus,
    ) -> Result<Self, Vec<String>> {
        let pool = pool(sets)?;
        check_names(&pool, upstreams)?;
        let mut faults = Vec::new();
        let mut on_bus: BTreeSet<String> = match bus {
            Bus::Here => proto::bus_services().into_iter().collect(),
            Bus::Absent => BTreeSet::new(),
        };
        let mut direct = BTreeMap::new();
        for (service, target) in upstreams {
            match target {
                Target::Kafka => {
                    on_bus.insert(service.clone());
                }
                Target::Http2(uri) => {
                    on_bus.remove(service);
                    direct.insert(service.clone(), uri.clone());
                }
            }
        }
        let mut read = |contract: Result<Contract, chassis::contract::ContractError>| {
            contract.unwrap_or_else(|error| {
                faults.extend(error.faults);
                Contract::default()
            })
        };
        // The gateway's own accounts are a face of the user service.
        let hosts_accounts = on_bus.contains(USERS) || direct.contains_key(USERS);
        let own_names: &[&str] = if hosts_accounts {
            &proto::GATEWAY_SERVICES
        } else {
            &[]
        };
        let bus_names: Vec<_> = on_bus.iter().map(String::as_str).collect();
        let bus = read(Contract::read(&pool, &bus_names));
        let own = read(Contract::read(&pool, own_names));
        let direct_names: Vec<_> = direct.keys().map(String::as_str).collect();
        let others = read(Contract::read_direct(&pool, &direct_names, access));
        for fault in &mut faults {
            let direct = direct_names
                .iter()
                .any(|name| fault.starts_with(&format!("/{name}/")));
            if direct && fault.contains("declares no access rule") {
                fault.push_str(", or DEFAULT_ACCESS for all methods that declare none");
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let contract = bus.clone().merged(own).merged(others);
        Ok(Self {
            pool,
            contract: Arc::new(contract),
            direct,
            bus: Arc::new(bus),
            hosts_accounts,
            upstream_tls: UpstreamTls::default(),
        })
    }

    /// How servers with TLS are believed, and what they are shown.
    #[must_use]
    pub fn upstream_tls(&self) -> &UpstreamTls {
        &self.upstream_tls
    }

    /// The same, with servers with TLS believed and shown something in this way.
    #[must_use]
    pub fn with_upstream_tls(self, upstream_tls: UpstreamTls) -> Self {
        Self {
            upstream_tls,
            ..self
        }
    }

    /// The same with other rate limits, by gRPC path.
    ///
    /// # Errors
    /// All that is wrong, a line each: a method that is not fronted, or that knows no identities.
    pub fn with_rate_limits(
        self,
        limits: HashMap<String, Vec<RateLimit>>,
    ) -> Result<Self, Vec<String>> {
        let by_identity = |limit: &RateLimit| limit.key == RateLimitKey::Identity;
        let fault = |(path, limits): (&String, &Vec<RateLimit>)| match self.contract.get(path) {
            None => Some(format!("{path}: no such method is fronted")),
            Some(method) if method.access != Access::Authenticated => {
                let by_identity = limits.iter().any(by_identity);
                by_identity
                    .then(|| format!("{path}: anybody may call it, so it is limited by address"))
            }
            Some(_) => None,
        };
        let mut faults: Vec<_> = limits.iter().filter_map(fault).collect();
        faults.sort();
        if !faults.is_empty() {
            return Err(faults);
        }
        let contract = Arc::unwrap_or_clone(self.contract).with_rate_limits(limits);
        Ok(Self {
            contract: Arc::new(contract),
            ..self
        })
    }

    /// Whether the gateway hosts `auth.v1.AuthService`: it does wherever it reaches the user service.
    #[must_use]
    pub fn hosts_accounts(&self) -> bool {
        self.hosts_accounts
    }

    /// Whether some method needs an access token.
    #[must_use]
    pub fn needs_tokens(&self) -> bool {
        let mut methods = self.contract.methods().into_iter();
        methods.any(|method| method.access == Access::Authenticated)
    }

    /// The services whose calls go over the bus.
    #[must_use]
    pub fn bus(&self) -> Arc<Contract> {
        Arc::clone(&self.bus)
    }
}

/// Our own descriptors and those of the sets.
fn pool(sets: &[DescriptorSet]) -> Result<DescriptorPool, Vec<String>> {
    let mut pool = proto::descriptors().clone();
    let added = sets.iter().filter_map(|set| {
        let fault = add(&mut pool, set).err()?;
        Some(format!("{}: {fault}", set.name))
    });
    let faults: Vec<_> = added.collect();
    if faults.is_empty() {
        Ok(pool)
    } else {
        Err(faults)
    }
}

/// Whether there is a choice for each service that is named.
fn check_names(
    pool: &DescriptorPool,
    upstreams: &BTreeMap<String, Target>,
) -> Result<(), Vec<String>> {
    let fault = |service: &String| {
        if proto::GATEWAY_SERVICES.contains(&service.as_str()) {
            return Some(format!(
                "{service}: is served by the gateway itself; leave it out"
            ));
        }
        if chassis::grpc::INFRASTRUCTURE.contains(&service.as_str()) {
            return Some(format!(
                "{service}: the gateway answers it for itself; leave it out"
            ));
        }
        let missing = pool.get_service_by_name(service).is_none();
        missing
            .then(|| format!("{service}: no such service; give its descriptors in DESCRIPTOR_SETS"))
    };
    let faults: Vec<_> = upstreams.keys().filter_map(fault).collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// Adds the files of a set that are not there yet.
fn add(pool: &mut DescriptorPool, set: &DescriptorSet) -> Result<(), String> {
    let heads = Heads::decode(set.bytes.as_slice())
        .map_err(|_| "is no descriptor set; make one with `buf build -o set.binpb`".to_owned())?;
    if heads.file.is_empty() {
        return Err("is empty; make one with `buf build -o set.binpb`".to_owned());
    }
    // Only sets that share files of their own are decoded for it, and once however many they share.
    let files = LazyCell::new(|| files(set));
    for head in &heads.file {
        if let Some(known) = pool.get_file_by_name(&head.name) {
            if !head.is_common() && files.get(&head.name) != Some(&bare(&known)) {
                return Err(format!(
                    "{} is another file than the one of that name that is there already; rename it",
                    head.name
                ));
            }
        } else if head.syntax == "editions" {
            return Err(format!(
                "{} uses editions, which are not read yet; write it in proto3 or proto2",
                head.name
            ));
        }
    }
    // From the bytes, since the types of prost lose the options of the contracts.
    pool.decode_file_descriptor_set(set.bytes.as_slice())
        .map_err(|error| format!("{error:#}"))
}

/// The files of a set by name, without their comments.
fn files(set: &DescriptorSet) -> HashMap<String, FileDescriptorProto> {
    let files = FileDescriptorSet::decode(set.bytes.as_slice()).unwrap_or_default();
    let files = files.file.into_iter().map(|mut file| {
        file.source_code_info = None;
        (file.name().to_owned(), file)
    });
    files.collect()
}

/// A file that is there already, without its comments.
fn bare(known: &FileDescriptor) -> FileDescriptorProto {
    let mut file = known.file_descriptor_proto().clone();
    file.source_code_info = None;
    file
}

// === impl Head ===

impl Head {
    fn is_common(&self) -> bool {
        COMMON.iter().any(|common| {
            let rest = self.package.strip_prefix(common);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

#[cfg(test)]
mod tests;
