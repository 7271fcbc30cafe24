//! What somebody with grpcurl sees: every port lists, describes and answers, and tells who may call.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::Outcome;
use crate::account::{EMAIL, PASSWORD, sign_up};
use crate::context::Context;
use crate::process::captured;
use crate::standalone::{Scratch, Standalone};
use crate::tools;

const LIMIT: Duration = Duration::from_secs(30);

const FIND: &str = "user.v1.UserService/Find";
const VALIDATE: &str = "user.v1.UserService/Validate";
const SEND: &str = "notification.v1.NotificationService/SendEmail";
const HEALTH: &str = "grpc.health.v1.Health/Check";

/// Statuses of gRPC; grpcurl ends with 64 more than that of the call.
const PERMISSION_DENIED: i32 = 7;
const UNIMPLEMENTED: i32 = 12;
const UNAUTHENTICATED: i32 = 16;

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let Some(program) = tools::grpcurl(context)? else {
        return Ok(Outcome::LeftOut(tools::missing("grpcurl")));
    };
    let scratch = Scratch::new(context, "grpcurl")?;
    let binary = context.bin_dir("debug")?.join("trolleybus");
    let standalone = Standalone::start(&binary, scratch.path())?;
    let access = sign_up(standalone.http)?;
    let service = captured(&mut standalone.verb("service-token"), LIMIT)?;
    let mut checks = Checks {
        program: &program,
        access: &access,
        service: service.trim(),
        passed: 0,
    };
    checks.user(standalone.user_grpc).context("the user service's port")?;
    checks
        .notification(standalone.notification_grpc)
        .context("the notification service's port")?;
    checks.gateway(standalone.http).context("the gateway's port")?;
    Ok(Outcome::Passed(checks.passed))
}

struct Checks<'a> {
    program: &'a Path,
    /// An access token of [`EMAIL`].
    access: &'a str,
    /// A service token.
    service: &'a str,
    passed: usize,
}

impl Checks<'_> {
    fn user(&mut self, at: SocketAddr) -> Result<()> {
        self.lists(at, &["grpc.health.v1.Health", "user.v1.UserService"])?;
        self.describes_find(at)?;
        self.find(at)?;
        let credentials = json!({ "email": EMAIL, "password": PASSWORD });
        for token in [None, Some(self.access)] {
            self.refuses(at, VALIDATE, token, &credentials, PERMISSION_DENIED)?;
        }
        let answer = self.answers(at, VALIDATE, Some(self.service), &credentials)?;
        ensure!(answer["session"]["id"].is_string(), "no session in {answer}");
        self.serves(at)
    }

    fn notification(&mut self, at: SocketAddr) -> Result<()> {
        let service = "notification.v1.NotificationService";
        let letters = "notification.v1.DeadLetterService";
        self.lists(at, &["grpc.health.v1.Health", letters, service])?;
        let mail = json!({ "to": EMAIL, "subject": "Hello", "text": "By grpcurl." });
        self.refuses(at, SEND, None, &mail, PERMISSION_DENIED)?;
        self.answers(at, SEND, Some(self.service), &mail)?;
        self.serves(at)
    }

    fn gateway(&mut self, at: SocketAddr) -> Result<()> {
        let services = ["auth.v1.AuthService", "grpc.health.v1.Health", "user.v1.UserService"];
        self.lists(at, &services)?;
        self.describes_find(at)?;
        self.find(at)?;
        let profile = "auth.v1.AuthService/GetProfile";
        let answer = self.answers(at, profile, Some(self.access), &json!({}))?;
        ensure!(answer["user"]["email"] == EMAIL, "another user: {answer}");
        // To the outside there is no internal method, whoever asks.
        for method in [VALIDATE, SEND] {
            self.refuses(at, method, Some(self.service), &json!({}), UNIMPLEMENTED)?;
        }
        self.serves(at)
    }

    fn lists(&mut self, at: SocketAddr, services: &[&str]) -> Result<()> {
        let listed = self.captured(&["-plaintext", &at.to_string(), "list"])?;
        let listed: Vec<&str> = listed.lines().collect();
        ensure!(listed == services, "it lists {listed:?}");
        self.pass();
        Ok(())
    }

    fn describes_find(&mut self, at: SocketAddr) -> Result<()> {
        let name = FIND.replace('/', ".");
        let text = self.captured(&["-plaintext", &at.to_string(), "describe", &name])?;
        for part in ["ACCESS_AUTHENTICATED", "NO_SIDE_EFFECTS", ".user.v1.FindRequest"] {
            ensure!(text.contains(part), "no {part} in the description:\n{text}");
        }
        self.pass();
        Ok(())
    }

    fn find(&mut self, at: SocketAddr) -> Result<()> {
        self.refuses(at, FIND, None, &json!({}), UNAUTHENTICATED)?;
        self.refuses(at, FIND, Some("v4.public.forged"), &json!({}), UNAUTHENTICATED)?;
        let answer = self.answers(at, FIND, Some(self.access), &json!({}))?;
        ensure!(answer["user"]["email"] == EMAIL, "another user: {answer}");
        Ok(())
    }

    fn serves(&mut self, at: SocketAddr) -> Result<()> {
        let answer = self.answers(at, HEALTH, None, &json!({}))?;
        ensure!(answer["status"] == "SERVING", "its health is {answer}");
        Ok(())
    }

    fn answers(
        &mut self,
        at: SocketAddr,
        method: &str,
        token: Option<&str>,
        message: &Value,
    ) -> Result<Value> {
        let text = captured(&mut self.call(at, method, token, message), LIMIT)?;
        self.pass();
        serde_json::from_str(&text).with_context(|| format!("{method} answered {text}"))
    }

    fn refuses(
        &mut self,
        at: SocketAddr,
        method: &str,
        token: Option<&str>,
        message: &Value,
        status: i32,
    ) -> Result<()> {
        let ended = self.call(at, method, token, message).output()?;
        ensure!(
            ended.status.code() == Some(64 + status),
            "{method} ended with {} instead of status {status}:\n{}{}",
            ended.status,
            String::from_utf8_lossy(&ended.stdout),
            String::from_utf8_lossy(&ended.stderr)
        );
        self.pass();
        Ok(())
    }

    fn call(&self, at: SocketAddr, method: &str, token: Option<&str>, message: &Value) -> Command {
        let mut command = Command::new(self.program);
        command.args(["-plaintext", "-connect-timeout", "10", "-max-time", "20"]);
        if let Some(token) = token {
            command.args(["-H", &format!("authorization: Bearer {token}")]);
        }
        command.args(["-d", &message.to_string(), &at.to_string(), method]);
        command
    }

    fn captured(&self, arguments: &[&str]) -> Result<String> {
        captured(Command::new(self.program).args(arguments), LIMIT)
    }

    fn pass(&mut self) {
        self.passed += 1;
    }
}
