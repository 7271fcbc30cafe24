//! A REST client.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Answer;
use super::wait::{PATIENCE, within};

/// Speaks REST to one gateway.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) url: String,
}

/// What somebody signs up with.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) name: String,
}

// === impl Account ===

impl Account {
    /// An account that nobody has yet.
    pub(crate) fn new(name: &str) -> Self {
        let id = Uuid::new_v4().simple().to_string();
        let email = format!("{name}-{id}@example.com");
        Self {
            email,
            password: format!("pass phrase {id}"),
            name: format!("Name of {name}"),
        }
    }

    pub(crate) fn registration(&self) -> Value {
        json!({"email": self.email, "password": self.password, "name": self.name})
    }

    pub(crate) fn credentials(&self) -> Value {
        json!({"email": self.email, "password": self.password})
    }
}

// === impl Client ===

impl Client {
    pub(crate) fn new(url: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            http,
            url: url.to_owned(),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let answered = async { Answer::read(request.send().await.unwrap()).await };
        within("an answer", PATIENCE, answered).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn register(&self, account: &Account) -> Answer {
        self.post("/api/v1/auth/register", &account.registration())
            .await
    }

    pub(crate) async fn login(&self, account: &Account) -> Answer {
        self.post("/api/v1/auth/login", &account.credentials())
            .await
    }

    pub(crate) async fn profile(&self, token: &str) -> Answer {
        self.send(
            self.request(Method::GET, "/api/v1/auth/profile")
                .bearer_auth(token),
        )
        .await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post("/api/v1/auth/refresh", &json!({"refreshToken": token}))
            .await
    }

    /// Registers an account that must succeed. The answer's body.
    #[track_caller]
    pub(crate) fn registered(&self, account: &Account) -> impl Future<Output = Value> + use<'_> {
        let account = account.clone();
        async move { self.register(&account).await.json(201) }
    }
}
