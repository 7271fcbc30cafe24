//! Templates as text, to compare with what was read.

use std::fmt;

use super::{Segment, Template};
use crate::path::encode_segment;

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            f.write_str("/")?;
        }
        for (index, segment) in self.segments.iter().enumerate() {
            f.write_str("/")?;
            let mut variables = self.variables.iter();
            if let Some(variable) = variables.find(|variable| variable.segments.start == index) {
                write!(f, "{{{}=", variable.field)?;
            }
            match segment {
                Segment::Literal(text) => f.write_str(&encode_segment(text))?,
                Segment::Any => f.write_str("*")?,
                Segment::Rest => f.write_str("**")?,
            }
            let mut variables = self.variables.iter();
            if variables.any(|variable| variable.segments.end == index + 1) {
                f.write_str("}")?;
            }
        }
        if let Some(verb) = &self.verb {
            write!(f, ":{}", encode_segment(verb))?;
        }
        Ok(())
    }
}
