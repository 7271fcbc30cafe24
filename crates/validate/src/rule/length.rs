//! An exact, a least and a greatest size, of whatever is counted.

use crate::reader::{Reader, Site};
use crate::scope::Scope;

/// How many of something there may be.
pub(crate) struct Length {
    exact: Option<u64>,
    least: Option<u64>,
    greatest: Option<u64>,
    names: Names,
}

/// The rules' names within the family, and what is counted.
pub(crate) struct Names {
    /// For instance `string`.
    pub(crate) family: &'static str,
    /// The rule for an exact size, if the family has one.
    pub(crate) exact: Option<&'static str>,
    pub(crate) least: &'static str,
    pub(crate) greatest: &'static str,
    /// What is counted, in the plural.
    pub(crate) unit: &'static str,
}

impl Length {
    /// Takes the rules.
    pub(crate) fn read(names: Names, reader: &mut Reader, site: &mut Site<'_>) -> Self {
        let length = Self {
            exact: names.exact.and_then(|name| reader.number(name)),
            least: reader.number(names.least),
            greatest: reader.number(names.greatest),
            names,
        };
        let least = length.exact.max(length.least);
        if let (Some(least), Some(greatest)) = (least, length.greatest)
            && least > greatest
        {
            let Names {
                family,
                greatest: rule,
                ..
            } = length.names;
            site.fault(format!(
                "no value can pass: `{family}` asks for {least} or more, and `{rule}` for {greatest} or less"
            ));
        }
        if let (Some(exact), Some(least)) = (length.exact, length.least)
            && exact < least
        {
            let Names {
                family,
                least: rule,
                ..
            } = length.names;
            site.fault(format!(
                "no value can pass: `{family}` asks for exactly {exact}, and `{rule}` for {least} or more"
            ));
        }
        length
    }

    /// Whether there is any rule to check.
    pub(crate) fn is_set(&self) -> bool {
        self.exact.is_some() || self.least.is_some() || self.greatest.is_some()
    }

    /// Checks a size.
    pub(crate) fn check(&self, size: usize, scope: &mut Scope<'_>) {
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        let Names {
            family,
            least,
            greatest,
            unit,
            ..
        } = self.names;
        if let (Some(exact), Some(rule)) = (self.exact, self.names.exact)
            && size != exact
        {
            scope.fail(
                format!("{family}.{rule}"),
                format!("must have {exact} {unit}"),
            );
        }
        if let Some(bound) = self.least
            && size < bound
        {
            scope.fail(
                format!("{family}.{least}"),
                format!("must have at least {bound} {unit}"),
            );
        }
        if let Some(bound) = self.greatest
            && size > bound
        {
            scope.fail(
                format!("{family}.{greatest}"),
                format!("must have at most {bound} {unit}"),
            );
        }
    }
}
