//! An HTTP answer, read whole.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// Status, headers and body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

// === impl Answer ===

impl Answer {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.unwrap().to_vec();
        Self {
            status,
            headers,
            body,
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(self.header("x-request-id").is_some(), "{:?}", self.headers);
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Checks that it is an error in the one shape, with this status and reason.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, reason: &str) -> Value {
        let body = self.json(status);
        let object = body.as_object().unwrap();
        let keys: Vec<_> = object.keys().map(String::as_str).collect();
        assert_eq!(keys, ["code", "details", "message"], "{body}");
        assert!(body["code"].is_u64() && body["code"] != 0, "{body}");
        assert!(
            body["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{body}"
        );
        let details = body["details"].as_array().unwrap();
        let of_type =
            |detail: &&Value| detail["@type"] == "type.googleapis.com/google.rpc.ErrorInfo";
        let infos: Vec<_> = details.iter().filter(of_type).collect();
        assert_eq!(infos.len(), 1, "{body}");
        assert_eq!(infos[0]["reason"], reason, "{body}");
        assert!(
            infos[0]["domain"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{body}"
        );
        if status == 401 {
            // A token that is no good is told from none.
            let challenge = match reason {
                "TOKEN_INVALID" | "TOKEN_EXPIRED" => "Bearer error=\"invalid_token\"",
                _ => "Bearer",
            };
            assert_eq!(self.header("www-authenticate"), Some(challenge));
        }
        body
    }
}
