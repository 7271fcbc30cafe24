//! All routes of a set of services.

use std::fmt;
use std::sync::Arc;

use http::Method;
use prost_reflect::{DescriptorPool, MethodDescriptor};

use crate::binding::Binding;
use crate::error::{BuildError, Fault, Miss, RequestError};
use crate::openapi;
use crate::plan::{Compiler, Plan, Shapes};
use crate::policy::MethodPolicy;
use crate::route::Route;
use crate::router::{Path, Router};
use crate::rule;
use crate::wkt;

/// Routes from HTTP to gRPC methods. Immutable: share it behind an `Arc`.
pub struct Transcoder {
    pub(crate) bindings: Vec<Arc<Binding>>,
    pub(crate) options: Options,
    /// What the plans of the bindings refer to.
    pub(crate) shapes: Arc<Shapes>,
    router: Router,
}

/// Limits.
#[derive(Debug, Clone)]
pub struct Options {
    /// How deep arrays and objects of a JSON body, and the steps of a query key, may nest. Above
    /// 120 it is 120.
    pub max_body_depth: usize,
}

impl fmt::Debug for Transcoder {
    /// Without the descriptors: printing one of a recursive message would never end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes: Vec<_> = self.bindings.iter().map(ToString::to_string).collect();
        f.debug_struct("Transcoder")
            .field("routes", &routes)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_body_depth: 100,
        }
    }
}

impl Transcoder {
    /// Reads the `google.api.http` rules of all methods of the services (full names). Methods
    /// without a rule have no route, nor have those for which `policy` gives `None`. It is asked once for
    /// each method that has a rule.
    ///
    /// # Errors
    /// All that is wrong, together: well-known types that are others than protobuf's, unknown services, bad templates, fields that do not exist, two
    /// methods on one route, client streaming.
    pub fn new(
        pool: &DescriptorPool,
        services: &[&str],
        policy: impl Fn(&MethodDescriptor) -> Option<MethodPolicy>,
        options: Options,
    ) -> Result<Self, BuildError> {
        let mut transcoder = Self {
            bindings: Vec::new(),
            options,
            shapes: Arc::default(),
            router: Router::default(),
        };
        let mut faults: Vec<Fault> = wkt::redefined(pool)
            .into_iter()
            .map(|name| Fault {
                subject: name.to_owned(),
                reason: "its fields are not those that protobuf gives it".to_owned(),
            })
            .collect();
        for service in services {
            match pool.get_service_by_name(service) {
                Some(service) => {
                    for method in service.methods() {
                        transcoder.add(&method, &policy, &mut faults);
                    }
                }
                None => faults.push(Fault {
                    subject: (*service).to_owned(),
                    reason: "there is no such service".to_owned(),
                }),
            }
        }
        if faults.is_empty() {
            transcoder.plan();
            Ok(transcoder)
        } else {
            Err(BuildError { faults })
        }
    }

    /// Once all of the contracts are known to be right.
    fn plan(&mut self) {
        let mut compiler = Compiler::default();
        // No route has them yet, so they are ours alone.
        for binding in self.bindings.iter_mut().filter_map(Arc::get_mut) {
            binding.plan = Plan::new(binding, &mut compiler);
        }
        self.shapes = Arc::new(compiler.finish());
    }

    fn add(
        &mut self,
        method: &MethodDescriptor,
        policy: &impl Fn(&MethodDescriptor) -> Option<MethodPolicy>,
        faults: &mut Vec<Fault>,
    ) {
        let mut fault = |reason| {
            faults.push(Fault {
                subject: method.full_name().to_owned(),
                reason,
            });
        };
        let rules = rule::rules(method);
        if rules.is_empty() {
            return;
        }
        let Some(policy) = policy(method) else {
            return;
        };
        for rule in rules {
            let rule = match rule {
                Ok(rule) => rule,
                Err(reason) => {
                    fault(reason);
                    continue;
                }
            };
            let binding = match Binding::new(method, rule, &policy) {
                Ok(binding) => binding,
                Err(reasons) => {
                    reasons.into_iter().for_each(&mut fault);
                    continue;
                }
            };
            let index = self.bindings.len();
            match self.router.insert(&binding.verb, &binding.template, index) {
                Ok(()) => self.bindings.push(Arc::new(binding)),
                Err(taken) => fault(format!(
                    "{binding} is already the route of {}",
                    self.bindings[taken].method.full_name()
                )),
            }
        }
    }

    /// The route of a request. `path` is raw: still percent-encoded, without the query. HEAD follows
    /// GET; OPTIONS is for the caller to answer, with [`Transcoder::allowed`].
    ///
    /// # Errors
    /// When there is none, or when the path's percent-encoding is broken.
    pub fn find(&self, method: &Method, path: &str) -> Result<Route<'_>, Miss> {
        let path = match Path::parse(path) {
            Some(Ok(path)) => path,
            Some(Err(error)) => {
                return Err(Miss::BadPath(RequestError::invalid(format!(
                    "the path: {error}"
                ))));
            }
            None => return Err(Miss::NotFound),
        };
        match self.router.find(method, &path) {
            Some(found) => {
                let binding = &self.bindings[found.endpoint];
                Route::new(self, binding, &path, found.verbed).map_err(Miss::BadPath)
            }
            None => match self.allow(&path) {
                Some(allow) => Err(Miss::MethodNotAllowed { allow }),
                None => Err(Miss::NotFound),
            },
        }
    }

    /// The methods that a raw path takes, as the value of an `Allow` header; `None` when the path
    /// does not exist.
    #[must_use]
    pub fn allowed(&self, path: &str) -> Option<String> {
        self.allow(&Path::parse(path)?.ok()?)
    }

    fn allow(&self, path: &Path<'_>) -> Option<String> {
        let mut methods = self.router.methods(path);
        if methods.is_empty() {
            return None;
        }
        if methods.contains("*") {
            // A rule for any method: name those that clients use.
            methods.shift_remove("*");
            methods.extend(["GET", "PUT", "POST", "DELETE", "PATCH"]);
        }
        if methods.contains("GET") {
            methods.insert("HEAD");
        }
        methods.insert("OPTIONS");
        methods.sort_unstable();
        Some(methods.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// The routes as an OpenAPI 3.1 document.
    #[must_use]
    pub fn openapi(&self, info: &openapi::Info) -> serde_json::Value {
        openapi::document(self, info)
    }
}
