//! The metrics of a process, in OpenMetrics.
//!
//! Each crate names its metrics, with their units, in one file `metrics.rs` and asks [`Metrics`] for
//! their handles when it starts; counting is then an atomic addition. A name belongs to one kind of
//! metric. No label holds a secret, an address or anything that a caller chooses.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::encoding::text;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::registry::{Metric, Registry, Unit};

pub use calls::{CALL_SECONDS, CallMetrics};
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::gauge::Gauge;
pub use prometheus_client::metrics::histogram::Histogram;

mod calls;

/// What [`Metrics::render`] writes, as a content type.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The names and values of a metric's labels.
type Labels = Vec<(&'static str, String)>;

/// All metrics of a process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// The label `part` of what is made through this value.
    part: Option<String>,
    families: Arc<Mutex<Families>>,
}

/// What a metric is called and what it tells.
#[derive(Debug, Clone, Copy)]
pub struct Name {
    /// `bus_calls`, without unit and without `_total`.
    pub name: &'static str,
    /// One line, without full stop.
    pub help: &'static str,
}

#[derive(Debug, Default)]
struct Families {
    registry: Registry,
    counters: BTreeMap<&'static str, Family<Labels, Counter>>,
    gauges: BTreeMap<&'static str, Family<Labels, Gauge>>,
    histograms: BTreeMap<&'static str, Family<Labels, Histogram, Buckets>>,
}

/// The upper bounds of a histogram's buckets.
#[derive(Debug, Clone, Copy)]
struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

// === impl Metrics ===

impl Metrics {
    /// The metrics of a part of this process, which bear the label `part`: where one process is
    /// what are several elsewhere.
    #[must_use]
    pub fn part(&self, part: &str) -> Self {
        Self {
            part: Some(part.to_owned()),
            families: Arc::clone(&self.families),
        }
    }

    /// A counter, the same one for the same name and labels. Its name will end in `_total`.
    #[must_use]
    pub fn counter(&self, name: Name, labels: &[(&'static str, &str)]) -> Counter {
        let families = &mut *self.families.lock();
        let family = of(
            &mut families.counters,
            &mut families.registry,
            name,
            None,
            Family::default,
        );
        family.get_or_create_owned(&self.labels(labels))
    }

    /// A gauge, the same one for the same name and labels.
    #[must_use]
    pub fn gauge(&self, name: Name, labels: &[(&'static str, &str)]) -> Gauge {
        let families = &mut *self.families.lock();
        let family = of(
            &mut families.gauges,
            &mut families.registry,
            name,
            None,
            Family::default,
        );
        family.get_or_create_owned(&self.labels(labels))
    }

    /// A histogram of seconds, the same one for the same name and labels. Its name will end in
    /// `_seconds`. The buckets are those that the name was first used with.
    #[must_use]
    pub fn seconds(
        &self,
        name: Name,
        buckets: &'static [f64],
        labels: &[(&'static str, &str)],
    ) -> Histogram {
        let families = &mut *self.families.lock();
        let unit = Some(Unit::Seconds);
        let family = of(
            &mut families.histograms,
            &mut families.registry,
            name,
            unit,
            || Family::new_with_constructor(Buckets(buckets)),
        );
        family.get_or_create_owned(&self.labels(labels))
    }

    /// Everything, as text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut written = String::new();
        text::encode(&mut written, &self.families.lock().registry)
            .expect("a string takes whatever is written to it");
        written
    }

    fn labels(&self, labels: &[(&'static str, &str)]) -> Labels {
        let part = self.part.as_deref().map(|part| ("part", part));
        let all = part.into_iter().chain(labels.iter().copied());
        all.map(|(name, value)| (name, value.to_owned())).collect()
    }
}

/// The family of that name; a new one is registered.
fn of<'a, F>(
    families: &'a mut BTreeMap<&'static str, F>,
    registry: &mut Registry,
    Name { name, help }: Name,
    unit: Option<Unit>,
    new: impl FnOnce() -> F,
) -> &'a F
where
    F: Clone + Debug + Metric,
{
    families.entry(name).or_insert_with(|| {
        let family = new();
        match unit {
            Some(unit) => registry.register_with_unit(name, help, unit, family.clone()),
            None => registry.register(name, help, family.clone()),
        }
        family
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: Name = Name {
        name: "test_calls",
        help: "Calls that were made",
    };
    const DELAY: Name = Name {
        name: "test_delay",
        help: "How long it took",
    };

    #[test]
    fn a_name_is_one_family_whoever_asks_for_it() {
        let metrics = Metrics::default();
        for part in ["gateway", "user"] {
            metrics.part(part).counter(CALLS, &[("code", "OK")]).inc();
        }
        metrics.part("user").counter(CALLS, &[("code", "OK")]).inc();
        let text = metrics.render();
        assert_eq!(
            text.matches("# TYPE test_calls counter").count(),
            1,
            "{text}"
        );
        assert!(
            text.contains("test_calls_total{part=\"gateway\",code=\"OK\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("test_calls_total{part=\"user\",code=\"OK\"} 2"),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[test]
    fn seconds_are_named_with_their_unit() {
        let metrics = Metrics::default();
        metrics.seconds(DELAY, &[0.1, 1.0], &[]).observe(0.5);
        let text = metrics.render();
        assert!(text.contains("# UNIT test_delay_seconds seconds"), "{text}");
        assert!(
            text.contains("test_delay_seconds_bucket{le=\"0.1\"} 0"),
            "{text}"
        );
        assert!(
            text.contains("test_delay_seconds_bucket{le=\"1.0\"} 1"),
            "{text}"
        );
        assert!(text.contains("test_delay_seconds_sum 0.5"), "{text}");
    }
}
