//! An SMTP server that keeps what it is given, and that answers as a test tells it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

/// Decides on each step of a conversation; `None` is the ordinary answer.
type Script = dyn Fn(&Step) -> Option<Answer> + Send + Sync;

/// Where a conversation is.
pub(crate) struct Step {
    /// Counts connections from 1.
    pub(crate) connection: usize,
    /// `CONNECT`, the verb of a command, or `BODY` once the mail has ended.
    pub(crate) verb: String,
}

pub(crate) enum Answer {
    /// This reply.
    Say(&'static str),
    /// No reply, and the connection stays open.
    Hang,
    /// No reply, and the connection is closed.
    Close,
    /// The ordinary reply, then the connection is closed.
    LastWord,
    /// The ordinary reply, once there is a permit.
    When(Arc<Semaphore>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// Headers and body as they were on the wire, without dot-stuffing.
    pub(crate) data: String,
}

pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    accepted: mpsc::UnboundedReceiver<()>,
}

struct State {
    script: Box<Script>,
    mails: Mutex<Vec<Received>>,
    lines: Mutex<Vec<String>>,
    connections: AtomicUsize,
    /// Mails whose body has come and which are not answered yet.
    pending: AtomicUsize,
    peak: AtomicUsize,
    bodies: mpsc::UnboundedSender<()>,
}

// === impl Sink ===

impl Sink {
    pub(crate) async fn start() -> Self {
        Self::scripted(|_| None).await
    }

    pub(crate) async fn scripted(
        script: impl Fn(&Step) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (bodies, accepted) = mpsc::unbounded_channel();
        let state = Arc::new(State {
            script: Box::new(script),
            mails: Mutex::default(),
            lines: Mutex::default(),
            connections: AtomicUsize::new(0),
            pending: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            bodies,
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let connection = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(converse(Arc::clone(&shared), connection, stream));
            }
        });
        Self {
            address,
            state,
            accepted,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://{}/client.example", self.address)
    }

    pub(crate) fn mails(&self) -> Vec<Received> {
        self.state.mails.lock().clone()
    }

    /// Every command, in order of arrival.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.state.lines.lock().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// The most mails that waited for their answer at one time.
    pub(crate) fn peak(&self) -> usize {
        self.state.peak.load(Ordering::SeqCst)
    }

    /// Ends when one more body has come.
    pub(crate) async fn body(&mut self) {
        self.accepted.recv().await.expect("the sink lives");
    }
}

/// One connection, until either side ends it.
async fn converse(state: Arc<State>, connection: usize, stream: TcpStream) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    let mut mail = Received {
        from: String::new(),
        to: Vec::new(),
        data: String::new(),
    };
    let mut verb = "CONNECT".to_owned();
    loop {
        let ordinary = match verb.as_str() {
            "CONNECT" => "220 sink.example\r\n",
            "EHLO" => "250-sink.example\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n",
            "AUTH" => "235 welcome\r\n",
            "DATA" => "354 go on\r\n",
            "QUIT" => "221 bye\r\n",
            _ => "250 fine\r\n",
        };
        let answer = (state.script)(&Step {
            connection,
            verb: verb.clone(),
        });
        let (reply, last) = match answer {
            None => (ordinary, verb == "QUIT"),
            Some(Answer::Say(reply)) => (reply, false),
            Some(Answer::LastWord) => (ordinary, true),
            Some(Answer::Close) => return,
            Some(Answer::Hang) => return std::future::pending().await,
            Some(Answer::When(gate)) => {
                gate.acquire().await.unwrap().forget();
                (ordinary, false)
            }
        };
        if verb == "BODY" {
            state.pending.fetch_sub(1, Ordering::SeqCst);
            if reply.starts_with('2') {
                state.mails.lock().push(mail.clone());
            }
        }
        if write.write_all(reply.as_bytes()).await.is_err() || last {
            return;
        }
        if reply.starts_with("354") {
            let Some(data) = body(&mut lines).await else {
                return;
            };
            mail.data = data;
            verb = "BODY".into();
            let pending = state.pending.fetch_add(1, Ordering::SeqCst) + 1;
            state.peak.fetch_max(pending, Ordering::SeqCst);
            // A test that does not count bodies has dropped the receiver.
            let _ = state.bodies.send(());
            continue;
        }
        let Some(line) = line(&mut lines).await else {
            return;
        };
        state.lines.lock().push(line.trim_end().to_owned());
        verb = line
            .split([' ', '\r'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        match verb.as_str() {
            "MAIL" => {
                mail = Received {
                    from: line.trim_end().into(),
                    to: vec![],
                    data: String::new(),
                };
            }
            "RCPT" => mail.to.push(line.trim_end().into()),
            _ => {}
        }
    }
}

async fn line(lines: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Option<String> {
    let mut line = String::new();
    let read = lines.read_line(&mut line).await.ok()?;
    (read > 0).then_some(line)
}

/// Up to the line that is a single dot.
async fn body(lines: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Option<String> {
    let mut body = String::new();
    loop {
        let line = line(lines).await?;
        if line == ".\r\n" {
            return Some(body);
        }
        body.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
