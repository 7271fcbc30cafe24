//! `dlq …`: dead letters from the command line.

use std::fmt::Write as _;
use std::num::NonZeroU32;

use bus::dead_letter::{
    DeadLetterError, DeadLetters, Depth, Letter, Redrive, Redriven, Selection, Value,
};
use clap::{Args, Subcommand};

use crate::dead_letters::PER_SECOND;

/// `dlq …`
#[derive(Debug, Clone, Subcommand)]
pub enum DlqVerb {
    /// Count the dead letters of each event
    List,
    /// Show one, without what its contract marks as secret
    Show {
        /// The topic of the event, with or without .dlq
        topic: String,
        /// The partition of the dead-letter topic
        partition: i32,
        /// The offset in it
        offset: i64,
    },
    /// Send dead letters to their event's topic again; what was sent before is not sent twice
    Redrive(RedriveArgs),
}

/// Which dead letters to send again, and how fast.
#[derive(Debug, Clone, Args)]
pub struct RedriveArgs {
    /// The topic of the event, with or without .dlq
    topic: String,
    /// All that are there
    #[arg(
        long,
        required_unless_present = "partition",
        conflicts_with = "partition"
    )]
    all: bool,
    /// Those of one partition
    #[arg(long, value_name = "N")]
    partition: Option<i32>,
    /// The one at this offset of the partition
    #[arg(long, value_name = "N", requires = "partition")]
    offset: Option<i64>,
    /// As many a second at most
    #[arg(long, value_name = "N", default_value_t = PER_SECOND)]
    rate: NonZeroU32,
    /// As many at most
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    limit: u64,
}

impl DlqVerb {
    /// Does it. The text to print.
    ///
    /// # Errors
    /// No such topic or record, no broker.
    pub async fn run(&self, letters: &DeadLetters) -> Result<String, DeadLetterError> {
        match self {
            Self::List => letters.list().await.map(|depths| listed(&depths)),
            Self::Show {
                topic,
                partition,
                offset,
            } => {
                let letter = letters.show(topic, *partition, *offset).await?;
                Ok(shown(&letter))
            }
            Self::Redrive(args) => letters.redrive(&args.redrive()).await.map(redriven),
        }
    }
}

impl RedriveArgs {
    fn redrive(&self) -> Redrive {
        let selection = match (self.partition, self.offset) {
            (Some(partition), Some(offset)) => Selection::One { partition, offset },
            (Some(partition), None) => Selection::Partition(partition),
            (None, _) => Selection::All,
        };
        Redrive {
            topic: self.topic.clone(),
            selection,
            per_second: self.rate,
            limit: self.limit,
        }
    }
}

fn listed(depths: &[Depth]) -> String {
    let width = depths.iter().map(|depth| depth.topic.len()).max();
    let width = width.unwrap_or_default().max("TOPIC".len());
    let mut text = format!("{:width$}  {:>8}  OLDEST\n", "TOPIC", "LETTERS");
    for Depth {
        topic,
        depth,
        oldest_ms,
        ..
    } in depths
    {
        let oldest = oldest_ms.map_or_else(|| "-".to_owned(), time);
        let _ = writeln!(text, "{topic:width$}  {depth:>8}  {oldest}");
    }
    text
}

fn shown(letter: &Letter) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:10}  {value}");
    };
    let place = |place: &bus::dead_letter::Place| {
        format!("{} {} {}", place.topic, place.partition, place.offset)
    };
    line("letter", &place(&letter.place));
    line("method", &letter.method);
    let original = letter.original.as_ref().map(place);
    let attempts = letter.attempts.map(|attempts| attempts.to_string());
    for (name, value) in [
        ("original", original),
        ("event", letter.event_id.clone()),
        ("key", letter.key.clone()),
        ("published", Some(time(letter.time_ms))),
        ("code", letter.code.clone()),
        ("reason", letter.reason.clone()),
        ("attempts", attempts),
    ] {
        line(name, value.as_deref().unwrap_or("-"));
    }
    line("redriven", if letter.redriven { "yes" } else { "no" });
    match &letter.value {
        Value::Json(json) => line("value", json),
        Value::Unreadable { why, bytes } => line("value", &format!("{bytes} bytes, {why}")),
    }
    for (name, value) in &letter.headers {
        let _ = writeln!(text, "header      {name}: {value}");
    }
    text
}

fn redriven(done: Redriven) -> String {
    let mut text = format!("{} sent again\n", done.sent);
    if done.known > 0 {
        text.push_str("it was sent again before\n");
    }
    if done.without_content > 0 {
        let _ = writeln!(
            text,
            "{} could not be sent: the events were too large to be kept with their reason; `dlq show` \
             tells where they were",
            done.without_content
        );
    }
    text
}

/// RFC 3339 in UTC.
fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(subcommand)]
        verb: DlqVerb,
    }

    fn selection(args: &str) -> Option<Selection> {
        let words = std::iter::once("dlq").chain(args.split(' '));
        match Cli::try_parse_from(words).ok()?.verb {
            DlqVerb::Redrive(args) => Some(args.redrive().selection),
            _ => None,
        }
    }

    #[test]
    fn a_redrive_says_what_of() {
        let (partition, offset) = (2, 7);
        assert_eq!(selection("redrive t --all"), Some(Selection::All));
        assert_eq!(
            selection("redrive t --partition 2"),
            Some(Selection::Partition(partition))
        );
        assert_eq!(
            selection("redrive t --partition 2 --offset 7"),
            Some(Selection::One { partition, offset })
        );
        for wrong in [
            "redrive t",
            "redrive t --offset 7",
            "redrive t --all --partition 2",
            "redrive t --all --rate 0",
        ] {
            assert_eq!(selection(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_list_is_a_table() {
        let depth = Depth {
            topic: "notification.send.email.dlq".into(),
            method: "/notification.v1.NotificationService/SendEmail".into(),
            depth: 2,
            oldest_ms: Some(0),
        };
        assert_eq!(
            listed(&[depth]),
            "TOPIC                         LETTERS  OLDEST\n\
             notification.send.email.dlq         2  1970-01-01T00:00:00Z\n"
        );
    }
}
